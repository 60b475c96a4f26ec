// What stands within a text of ours keeps its direction to itself.

// Written from the right, or turns what follows: in names that is common, or meant.
const TURNS =
  /[\u0590-\u08ff\u200e\u200f\u2028-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;
const ENDS = /[\u2028\u2029\u2066-\u2069]/g;

/** TEXT, isolated (U+2068 … U+2069) where it might turn what stands beside it. */
const alone = (text: string): string => (TURNS.test(text) ? `\u2068${text.replace(ENDS, "")}\u2069` : text);

/** The template with each of its strings alone, as <bdi> has it where there are elements. */
export const say = (parts: TemplateStringsArray, ...given: unknown[]): string =>
  String.raw({ raw: parts }, ...given.map((one) => (typeof one === "string" ? alone(one) : one)));
