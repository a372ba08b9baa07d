"""What the demo shows on a terminal; without colour where the output is no terminal."""
import os
import shutil

GREEN, RED, BLUE, DIM, BOLD = "32", "31;1", "36", "2", "1"


class Screen:
    def __init__(self, out):
        self.out = out
        self.colour = out.isatty() and "NO_COLOR" not in os.environ
        self.width = min(shutil.get_terminal_size((100, 24)).columns, 110)

    def paint(self, text, code):
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour else text

    def write(self, text=""):
        print(text, file=self.out, flush=True)

    def gap(self):
        self.write()

    def title(self, number, word, rest):
        self.write()
        self.write(f"{self.paint(f'{number}  {word}', BOLD)}   {self.paint(rest, DIM)}")

    def line(self, text):
        """One paragraph, wrapped below the titles' words."""
        row = "  "
        for word in text.split(" "):
            if len(row) + 1 + len(word) > self.width:
                self.write(row)
                row = "  "
            row += " " + word
        self.write(row)

    def attempts(self, rows):
        widths = [max(len(row[key]) for row in rows + [{key: key}]) for key in ("attempt", "answer", "plane")]
        self.write(self.paint("     " + "  ".join(
            word.ljust(width) for word, width in zip(("attempt", "answer", "plane"), widths)) + "  rule", DIM))
        for row in rows:
            mark = self.paint("✓", GREEN) if row["held"] else self.paint("✗", RED)
            answer = self.paint(row["answer"].ljust(widths[1]), GREEN if row["held"] else RED)
            plane = self.paint(row["plane"].ljust(widths[2]), BLUE)
            rule = row["rule"] + (f" ({row['detail']})" if row["detail"] else "")
            room = self.width - 9 - sum(widths)
            self.write(f"   {mark} {row['attempt'].ljust(widths[0])}  {answer}  {plane}  {shorten(rule, room)}")

    def verdict(self, good, text):
        self.write()
        self.write("   " + self.paint(text, GREEN if good else RED))

    def bars(self, rows):
        """A bar for each ratio; the longest fills what the line has left."""
        known = [row for row in rows if row["ms"] is not None]
        widest = max(len(row["runtime"]) for row in rows)
        room = self.width - widest - 26
        for row in rows:
            if row["ms"] is None:
                self.write(f"   {row['runtime'].ljust(widest)}  {self.paint('does not run on this machine', DIM)}")
                continue
            length = max(1, round(room * row["ratio"] / max(other["ratio"] for other in known)))
            bar = self.paint("━" * length, GREEN if row["runtime"].startswith("yett") else BLUE)
            self.write(f"   {row['runtime'].ljust(widest)} {row['ms']:8.2f} ms {row['ratio']:6.1f} ×  {bar}")


def shorten(text, room):
    return text if len(text) <= room else text[:max(room - 1, 0)] + "…"
