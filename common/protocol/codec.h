// Messages <-> Element: the one codec for wire, files and forms. Strict both ways: what it accepts
// is what schemas/tenet-policy-1.xsd accepts, and the rules in prose of PROTOCOL.md.
#pragma once

#include <string_view>

#include "common/core/element.h"
#include "common/core/error.h"
#include "common/core/message.h"

namespace tenet::protocol {

Element to_element(const Hello& message);
Element to_element(const HelloAnswer& message);
Element to_element(const Compare& message);
Element to_element(const CompareAnswer& message);
Element to_element(const Batch& message);
Element to_element(const BatchAnswer& message);
Element to_element(const Synced& message);
Element to_element(const SyncedAnswer& message);
Element to_element(const NetworkQuery& message);
Element to_element(const NetworkAnswer& message);
Element to_element(const Request& message);
Element to_element(const Answer& message);
Element to_element(const Operation& operation);

// Each returns `invalid`, naming element and attribute, for anything but that message.
Result<Request> parse_request(const Element& element, PeerParser parse_peer);
Result<NetworkQuery> parse_network_query(const Element& element);
Result<NetworkAnswer> parse_network_answer(const Element& element);
// The answer to that request: of its kind, and as many results as it has operations or nodes.
Result<Answer> parse_answer(const Element& element, const Request& request, PeerParser parse_peer);

// A policy document as text. Errors: as parse_xml and Policy::parse.
Result<PolicyPtr> parse_policy(std::string_view text);
std::string format_policy(const Policy& policy);  // indented

}  // namespace tenet::protocol
