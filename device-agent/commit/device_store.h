// The device agent's memory: policies, claims, VMs, the last message of each server and its time,
// and DHCP leases. What is written here before an acknowledgement leaves is there after any crash
// (laws 1 and 8).
#pragma once

#include <memory>
#include <set>
#include <string>

#include "common/core/error.h"
#include "device-agent/commit/change_store.h"

namespace tenet::device {

class DeviceStore : public ChangeStore {
 public:
  // Opens or makes the file. Errors: io, naming the file.
  static Result<DeviceStore> open(const std::string& path);
  DeviceStore(DeviceStore&&) noexcept;
  DeviceStore& operator=(DeviceStore&&) noexcept;
  ~DeviceStore() override;

  // Everything. Errors: io, also if anything is not as it was written: what is damaged is never
  // taken for policy.
  Result<DeviceChanges> load();

  Result<void> write(const DeviceChanges& changes) override;
  Result<void> commit() override;
  void rollback() override;

  // The leases of the last persist_leases(), without those of VMs that have changed or gone since:
  // a write() removes these. Errors: as of load().
  Result<std::set<Lease>> leases();
  // Not between write() and commit(). Errors: io, and then it is as it was.
  Result<void> persist_leases(const std::set<Lease>& leases);

 private:
  struct Impl;
  explicit DeviceStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tenet::device
