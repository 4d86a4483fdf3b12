// Where the device agent's changes become durable.
#pragma once

#include "common/core/error.h"
#include "device-agent/core/device_core.h"

namespace tenet::device {

class ChangeStore {
 public:
  ChangeStore() = default;
  virtual ~ChangeStore() = default;
  ChangeStore(const ChangeStore&) = delete;
  ChangeStore& operator=(const ChangeStore&) = delete;

  // Writes the changes and keeps the transaction open, so that the datapath can refuse them.
  // Errors: io, and then nothing is written.
  virtual Result<void> write(const DeviceChanges& changes) = 0;
  // Makes what was written durable. Errors: io, and then nothing is written.
  virtual Result<void> commit() = 0;
  virtual void rollback() = 0;

 protected:
  ChangeStore(ChangeStore&&) = default;
  ChangeStore& operator=(ChangeStore&&) = default;
};

}  // namespace tenet::device
