// Boxed: a value that most owners do not have, or have as it is by default, kept apart so that it costs them one pointer.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <utility>
#include <vector>

namespace weir {

/// Like std::optional, but what is not there takes no room. Copies copy the value.
template <class T>
class Boxed {
 public:
  Boxed() = default;
  Boxed(T value) : value_(std::make_unique<T>(std::move(value))) {}
  Boxed(const Boxed& other) : value_(other.value_ == nullptr ? nullptr : std::make_unique<T>(*other.value_)) {}
  Boxed(Boxed&&) noexcept = default;
  Boxed& operator=(const Boxed& other) { return *this = Boxed(other); }
  Boxed& operator=(Boxed&&) noexcept = default;

  bool has_value() const { return value_ != nullptr; }
  explicit operator bool() const { return has_value(); }
  const T* get() const { return value_.get(); }
  T& operator*() { return *value_; }
  const T& operator*() const { return *value_; }
  T* operator->() { return value_.get(); }
  const T* operator->() const { return value_.get(); }

  template <class... Args>
  T& emplace(Args&&... args) {
    value_ = std::make_unique<T>(std::forward<Args>(args)...);
    return *value_;
  }
  void reset() { value_.reset(); }

 private:
  std::unique_ptr<T> value_;
};

/// A value that mostly is what it is by default: reading gives that one until somebody has edited it.
template <class T>
class Rare {
 public:
  Rare() = default;
  Rare(T value) : value_(std::move(value)) {}

  const T& operator*() const { return value_ ? *value_ : kDefault; }
  const T* operator->() const { return &**this; }
  T& edit() { return value_ ? *value_ : value_.emplace(); }

 private:
  static inline const T kDefault{};
  Boxed<T> value_;
};

/// A list that mostly is empty.
template <class T>
class RareList {
 public:
  RareList() = default;
  RareList(std::vector<T> items) {
    if (!items.empty()) items_ = std::move(items);
  }
  RareList(std::initializer_list<T> items) : RareList(std::vector<T>(items)) {}

  bool empty() const { return !items_; }
  size_t size() const { return items_ ? items_->size() : 0; }
  const T* begin() const { return items_ ? items_->data() : nullptr; }
  const T* end() const { return begin() + size(); }
  T* begin() { return items_ ? items_->data() : nullptr; }
  T* end() { return begin() + size(); }
  const T& operator[](size_t at) const { return (*items_)[at]; }
  T& operator[](size_t at) { return (*items_)[at]; }

  void push_back(T item) { (items_ ? *items_ : items_.emplace()).push_back(std::move(item)); }

 private:
  Boxed<std::vector<T>> items_;
};

}  // namespace weir
