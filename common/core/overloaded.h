// A visitor made of lambdas, for std::visit. Without a generic lambda it compiles only if every
// alternative is dealt with, so that a new one cannot be forgotten.
#pragma once

namespace tenet {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

}  // namespace tenet
