// List: a doubly linked list whose links are inside the members; joining and leaving cost no memory.
#pragma once

#include "base/check.h"

namespace weir {

/// A member of at most one List<Tag>; leaves it when destroyed. Derive publicly.
template <class Tag>
class ListNode {
 public:
  ListNode() = default;
  ListNode(const ListNode&) = delete;
  ListNode& operator=(const ListNode&) = delete;
  ~ListNode() { unlink(); }

  bool linked() const { return next_ != nullptr; }
  void unlink() {
    if (next_ == nullptr) return;
    previous_->next_ = next_;
    next_->previous_ = previous_;
    next_ = previous_ = nullptr;
  }

 private:
  template <class, class>
  friend class List;
  ListNode* next_ = nullptr;
  ListNode* previous_ = nullptr;
};

/// A list of T, which derives from ListNode<Tag>. Does not own its members.
template <class T, class Tag = T>
class List {
 public:
  List() { head_.next_ = head_.previous_ = &head_; }
  List(const List&) = delete;
  List& operator=(const List&) = delete;
  ~List() {
    while (!empty()) front().ListNode<Tag>::unlink();
    head_.next_ = head_.previous_ = nullptr;
  }

  bool empty() const { return head_.next_ == &head_; }
  T& front() { return static_cast<T&>(*head_.next_); }
  T& back() { return static_cast<T&>(*head_.previous_); }

  void push_back(T& member) { insert_before(head_, member); }
  void push_front(T& member) { insert_before(*head_.next_, member); }
  T& pop_front() {
    T& member = front();
    static_cast<ListNode<Tag>&>(member).unlink();
    return member;
  }
  /// Moves all members of `other` to the end of this list.
  void take_all(List& other) {
    while (!other.empty()) push_back(other.pop_front());
  }

  /// Calls `visit` for each member; a member may unlink itself (and only itself) during its own visit.
  template <class F>
  void for_each(F&& visit) {
    for (ListNode<Tag>* node = head_.next_; node != &head_;) {
      ListNode<Tag>* next = node->next_;
      visit(static_cast<T&>(*node));
      node = next;
    }
  }

 private:
  void insert_before(ListNode<Tag>& where, T& member) {
    ListNode<Tag>& node = member;
    CHECK(!node.linked());
    node.next_ = &where;
    node.previous_ = where.previous_;
    where.previous_->next_ = &node;
    where.previous_ = &node;
  }

  ListNode<Tag> head_;
};

}  // namespace weir
