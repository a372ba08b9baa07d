// The journal's slots: claimed, left behind, found again.
#include <gtest/gtest.h>

#include <cstring>

#include "supervisor/notify/call_journal.hpp"
#include "supervisor/notify/pending_notification.hpp"

namespace yett {
namespace {

void receive(CallJournal::Slot& slot, std::uint64_t id) {
  seccomp_notif notification{};
  notification.id = id;
  std::memcpy(slot.bytes().data(), &notification, sizeof notification);
}

TEST(CallJournal, WhatWasAnsweredIsNotLeft) {
  const auto journal = *CallJournal::make();
  CallJournal::Slot* answered = journal->claim();
  CallJournal::Slot* waiting = journal->claim();
  ASSERT_NE(answered, nullptr);
  ASSERT_NE(waiting, nullptr);
  EXPECT_NE(answered, waiting);
  receive(*answered, 7);
  receive(*waiting, 8);
  answered->release();
  EXPECT_FALSE(journal->has_left());
  journal->take_over();
  EXPECT_EQ(journal->left(), 1U);
  CallJournal::Slot* left = journal->next_left();
  ASSERT_EQ(left, waiting);
  EXPECT_EQ(left->notification().id, 8U);
  EXPECT_EQ(left->losses(), 1U);
  EXPECT_EQ(left->given(), -1);
  EXPECT_FALSE(left->is_half_done());
  EXPECT_EQ(journal->next_left(), nullptr);
}

TEST(CallJournal, WhatWasNotReceivedYetIsFree) {
  const auto journal = *CallJournal::make();
  ASSERT_NE(journal->claim(), nullptr);
  journal->take_over();
  EXPECT_FALSE(journal->has_left());
  for (std::size_t i = 0; i < CallJournal::kSlots; ++i) EXPECT_NE(journal->claim(), nullptr) << i;
  EXPECT_EQ(journal->claim(), nullptr);
}

TEST(CallJournal, ASlotIsFreshForItsNextCall) {
  const auto journal = *CallJournal::make();
  CallJournal::Slot* slot = journal->claim();
  receive(*slot, 9);
  slot->note_half_done();
  slot->note_given(0);
  journal->take_over();
  journal->take_over();
  ASSERT_EQ(journal->next_left(), slot);
  EXPECT_EQ(slot->losses(), 2U);
  EXPECT_EQ(slot->given(), 0);
  EXPECT_TRUE(slot->is_half_done());
  slot->release();
  ASSERT_EQ(journal->claim(), slot);
  EXPECT_EQ(slot->losses(), 0U);
  EXPECT_EQ(slot->given(), -1);
  EXPECT_FALSE(slot->is_half_done());
}

// SECURITY(poison-call): twice it is done again, and then no more; one that was half done, never.
TEST(CallJournal, ACallThatThreeDiedOverIsBeyondRepeating) {
  const auto journal = *CallJournal::make();
  CallJournal::Slot* slot = journal->claim();
  receive(*slot, 10);
  const PendingNotification pending(BorrowedFd(), slot->notification(), slot);
  EXPECT_FALSE(pending.is_beyond_repeating());
  for (const bool beyond : {false, false, true}) {
    journal->take_over();
    EXPECT_EQ(pending.is_beyond_repeating(), beyond) << slot->losses();
  }
}

TEST(CallJournal, WhatAnotherLeftHalfDoneIsBeyondRepeating) {
  const auto journal = *CallJournal::make();
  CallJournal::Slot* slot = journal->claim();
  receive(*slot, 11);
  const PendingNotification pending(BorrowedFd(), slot->notification(), slot);
  pending.note_half_done();
  EXPECT_FALSE(pending.is_beyond_repeating());
  journal->take_over();
  EXPECT_TRUE(pending.is_beyond_repeating());
}

}  // namespace
}  // namespace yett
