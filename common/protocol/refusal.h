// The stanza error that carries a refusal, in an IQ error and inside the answer to a batch alike
// (PROTOCOL.md, "Refusals"): an RFC 6120 condition, a text, and one condition of ours.
#pragma once

#include "common/core/element.h"
#include "common/core/error.h"

namespace tenet::protocol {

// <error type='...'> (RFC 6120 section 8.3) with the defined condition, our own condition that
// carries the witness as attributes, and the text. The element's namespace is `xmlns`:
// "jabber:client" in an IQ, ours inside an answer to a batch.
Element to_element(const Error& error, std::string xmlns);

// The reverse, also for errors of brokers and other software: service-unavailable,
// recipient-unavailable and remote-server-not-found become `unreachable`, remote-server-timeout
// `timeout`, not-authorized, not-allowed and forbidden `forbidden`, item-not-found `not_found`,
// resource-constraint `busy`, others `invalid`.
Error error_from(const Element& error);

}  // namespace tenet::protocol
