// The channel's markup (docs/API.md, The message object) as a tree, which Markup.svelte shows. It reads what
// workers/format/markup_to.c reads, and lines that begin as headings, quotes and lists. Nothing of it is ever HTML.

export type Inline =
  | { is: "text" | "code"; text: string }
  | { is: "strong" | "em" | "s"; inner: Inline[] }
  | { is: "link"; inner: Inline[]; to: string };
export type Block =
  | { is: "p" | "heading" | "quote"; lines: Inline[][] }
  | { is: "list"; ordered: boolean; lines: Inline[][] }
  | { is: "pre"; text: string }
  | { is: "rule" };

const NESTED = 8;
const SPAN = 1000; // longest text between two marks
const MARKS: Record<string, "strong" | "em" | "s"> = { "*": "strong", _: "em", "~": "s" };
const ESCAPED = /[\\`*_~[\]<>#|!>{}()@-]/;

/** An address that a page may lead to; null: it is of another scheme, or none. */
export function webAddress(text: unknown): string | null {
  if (typeof text !== "string" || !/^(https?:\/\/|mailto:)/i.test(text)) return null;
  try {
    return new URL(text).href;
  } catch {
    return null;
  }
}

class Scan {
  #found: Inline[] = [];
  #plain = "";
  #at = 0;

  constructor(
    private readonly text: string,
    private readonly nested: number,
  ) {}

  run(): Inline[] {
    while (this.#at < this.text.length)
      if (!this.#escape() && !this.#code() && !this.#link() && !this.#address() && !this.#marked())
        this.#plain += this.text[this.#at++];
    this.#flush();
    return this.#found;
  }

  #flush(): void {
    if (this.#plain) this.#found.push({ is: "text", text: this.#plain });
    this.#plain = "";
  }

  #take(one: Inline, length: number): true {
    this.#flush();
    this.#found.push(one);
    this.#at += length;
    return true;
  }

  #escape(): boolean {
    const next = this.text[this.#at + 1];
    if (this.text[this.#at] !== "\\" || next === undefined || !ESCAPED.test(next)) return false;
    this.#plain += next;
    this.#at += 2;
    return true;
  }

  #code(): boolean {
    if (this.text[this.#at] !== "`") return false;
    const end = this.text.indexOf("`", this.#at + 1);
    if (end <= this.#at + 1) return false;
    return this.#take({ is: "code", text: this.text.slice(this.#at + 1, end) }, end + 1 - this.#at);
  }

  /** [label](address), and of a reference [label]($key). */
  #link(): boolean {
    if (this.text[this.#at] !== "[" || this.nested === NESTED) return false;
    const rest = this.text.slice(this.#at, this.#at + 3 * SPAN);
    const middle = rest.indexOf("](");
    const end = middle > 1 ? rest.indexOf(")", middle) : -1;
    if (end < 0) return false;
    const to = rest.slice(middle + 2, end);
    if (!to.startsWith("$") && !webAddress(to)) return false;
    return this.#take({ is: "link", inner: inline(rest.slice(1, middle), this.nested + 1), to }, end + 1);
  }

  #address(): boolean {
    if (this.text[this.#at] !== "h" || /\w/.test(this.text[this.#at - 1] ?? " ")) return false;
    const [found] = /^https?:\/\/[^\s<>"'`*\])]+/.exec(this.text.slice(this.#at, this.#at + 2 * SPAN)) ?? [];
    const to = found?.replace(/[.,;:!?]+$/, "");
    if (!to || !webAddress(to)) return false;
    return this.#take({ is: "link", inner: [{ is: "text", text: to }], to }, to.length);
  }

  /** *strong*, _em_, ~s~: the marks stand at the edges of words. */
  #marked(): boolean {
    const mark = this.text[this.#at] ?? "";
    const is = MARKS[mark];
    if (!is || this.nested === NESTED || /\w/.test(this.text[this.#at - 1] ?? " ")) return false;
    for (let end = this.#at + 2; end < this.text.length && end < this.#at + SPAN; end++) {
      if (this.text[end] !== mark || this.text[end - 1] === "\\") continue;
      const inner = this.text.slice(this.#at + 1, end);
      if (/^\s|\s$/.test(inner) || /\w/.test(this.text[end + 1] ?? " ")) continue;
      return this.#take({ is, inner: inline(inner, this.nested + 1) }, end + 1 - this.#at);
    }
    return false;
  }
}

function inline(text: string, nested = 0): Inline[] {
  return new Scan(text, nested).run();
}

const LINES: [RegExp, (line: string) => Block][] = [
  [/^#{1,6}\s+/, (line) => ({ is: "heading", lines: [inline(line)] })],
  [/^(-{3,}|\*{3,})$/, () => ({ is: "rule" })],
  [/^(>|!)\s?(?=\S)/, (line) => ({ is: "quote", lines: [inline(line)] })],
  [/^[-*•]\s+/, (line) => ({ is: "list", ordered: false, lines: [inline(line)] })],
  [/^\d{1,3}[.)]\s+/, (line) => ({ is: "list", ordered: true, lines: [inline(line)] })],
];

function ofLine(line: string): Block {
  for (const [begins, make] of LINES) if (begins.test(line)) return make(line.replace(begins, ""));
  return { is: "p", lines: [inline(line)] };
}

const joins = (one: Block | undefined, next: Block): one is Block & { lines: Inline[][] } =>
  one?.is === next.is &&
  one.is !== "heading" &&
  "lines" in one &&
  (one.is !== "list" || next.is !== "list" || one.ordered === next.ordered);

function ofText(text: string): Block[] {
  const blocks: Block[] = [];
  let open: Block | undefined; // to which the next line may belong
  for (const line of text.split("\n")) {
    if (!line.trim()) {
      open = undefined;
      continue;
    }
    const next = ofLine(line.trimEnd());
    if (joins(open, next) && "lines" in next) open.lines.push(...next.lines);
    else blocks.push((open = next));
  }
  return blocks;
}

export function blocksOf(text: string): Block[] {
  return text
    .split(/```/)
    .flatMap((part, i, all): Block[] =>
      i % 2 && i < all.length - 1 ? [{ is: "pre", text: part.replace(/^\n|\s+$/g, "") }] : ofText(part),
    );
}
