// Finds out what a device has, by descending the digest trees where they differ from what the
// server assumes (law 6). A value: answers in, the next question out.
#pragma once

#include <deque>
#include <map>
#include <optional>

#include "common/core/digest.h"
#include "common/core/message.h"
#include "common/core/view.h"

namespace tenet::server {

class DigestDiff {
 public:
  // Begins from what the server assumes the device to have.
  explicit DigestDiff(DeviceView assumed);

  // The device's root: equal ends the walk at once.
  void start(const Sha256& device_root);
  // The next question, or nothing: the view is exact.
  std::optional<Compare> next() const;
  // The answer to next(), to all of it or to its beginning. Errors: invalid, if the answer makes no
  // sense, or if the device makes the walk longer than any real view could.
  Result<void> apply_answer(const CompareAnswer& answer);
  DeviceView take() && { return std::move(view_); }

 private:
  void apply_node(const NetworkNode& node);
  void apply_node(const VmNode& node);

  DeviceView view_;
  NetworkTree tree_;  // over the assumed view; stays as it was while view_ is corrected
  Sha256 root_;
  std::map<Vnid, VmTree> vm_trees_;
  std::deque<NodeQuery> queue_;
  std::size_t asked_ = 0;
};

}  // namespace tenet::server
