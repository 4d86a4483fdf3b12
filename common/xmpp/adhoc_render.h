// Commands' fields and results as data forms (XEP-0050 section 3.4), a page at a time. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/command/command.h"
#include "common/xmpp/data_form.h"

namespace tenet::xmpp {

// The field of a listing that names the first row to answer with, counted from one.
command::Field first_row_field();

// The form that asks for a command's fields, with what was entered already.
Form input_form(const command::Command& command, const command::Values& entered);

// The rows that fit into one answer, and where the next answer begins.
struct Page {
  command::Output output;
  std::size_t next = 0;  // the first row that is missing, counted from one; 0: none, or no listing
};
// From row `first`, counted from one. A note says which rows these are, unless they are all.
Page page_of(command::Output output, std::size_t first, bool listing);

// A table, and the same rows as text, since few consoles show tables.
Form result_form(const Page& page);

// "info", "warn", "error": the type of a note (XEP-0050 section 2.4.4).
std::string_view note_type(command::Severity severity);

}  // namespace tenet::xmpp
