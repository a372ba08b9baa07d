// What ties a sandbox's cgroups to those who answer for it, as its keeper sees it: the gate, a
// socket through which the supervisor speaks, and the processes themselves. Says when it is the
// keeper's turn. For a keeper of one sandbox as for one of many: it waits for nothing, allocates
// nothing.
//
// The hold on the first directory comes through the gate; without it (the supervisor died, or gave
// up, in between) the keeper takes the hold if nobody has it, and else leaves the directories
// alone: they are another sandbox's. A supervisor with a successor names it, and so does each
// successor when it has taken over: the keeper's turn comes when both are dead.
#pragma once

#include <array>

namespace yett {

// What comes through the gate: a byte, and a descriptor with all but the last.
enum class KeeperWord : char { hold = 'h', successor = 's', go = 'x' };

enum class KeeperTurn {
  wait,
  clear,  // the directories are the keeper's to clear and remove
  leave,  // they are not
};

class KeeperTies {
 public:
  KeeperTies() = default;
  // Takes both: the keeper's end of the gate, and the supervisor's pidfd.
  KeeperTies(int gate, int supervisor) : gate_(gate), processes_{supervisor, -1} {}

  // Something is to be looked at when one of these is readable: the gate, as long as words may
  // come, and two processes; -1: nothing.
  [[nodiscard]] std::array<int, 3> watched() const;
  // Looks at what has come, without waiting.
  [[nodiscard]] KeeperTurn look(const char* first_directory);

  // What came with the last word: its last close may take long. -1: nothing; the caller's to close.
  [[nodiscard]] int take_last();
  void close_all();

 private:
  bool take_word();
  void add(int successor);
  void forget_the_dead();

  int gate_ = -1;
  int hold_ = -1;
  int last_ = -1;
  std::array<int, 2> processes_{-1, -1};  // the supervisor, and who takes over from it
  bool is_told_ = false;                  // to go to work
  bool is_closed_ = false;
};

// Takes the hold on an existing directory, whose name it must still be: then nobody else has it,
// and what bears the name is the holder's to remove. A descriptor that is the hold, or -errno;
// -EBUSY: a living process has it, or the directory was removed meanwhile.
[[nodiscard]] int hold_cgroup_child(const char* directory);

}  // namespace yett
