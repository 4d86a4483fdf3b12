// The device agent's memory: policies, claims, members, the last message of each server and when
// it was heard. What is written here before an acknowledgement leaves is there after any crash
// (laws 1 and 8).
#pragma once

#include <memory>
#include <string>

#include "common/core/error.h"
#include "device-agent/device_core.h"

namespace tenet::device {

class DeviceStore {
 public:
  // Opens or makes the file. Errors: io, naming the file.
  static Result<DeviceStore> open(const std::string& path);
  DeviceStore(DeviceStore&&) noexcept;
  DeviceStore& operator=(DeviceStore&&) noexcept;
  ~DeviceStore();

  // Everything. Errors: io, also for damaged rows.
  Result<DeviceChanges> load();

  // Writes the changes, but holds the commit back: the datapath comes between. Errors: io, and then
  // nothing is written.
  Result<void> write(const DeviceChanges& changes);
  // Makes what was written durable. Errors: io, and then nothing is written.
  Result<void> commit();
  void rollback();

 private:
  struct Impl;
  explicit DeviceStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tenet::device
