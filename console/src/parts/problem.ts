import { Refusal, type Details } from "../api/client";
import { t } from "../text/text";

const WAITS = ["rate_limited", "overloaded"];

/** For how many seconds it is refused; 0: not for a time. */
export const waitOf = (refusal: Refusal | null): number =>
  refusal && WAITS.includes(refusal.code) ? (refusal.details.retry_after_s ?? 1) : 0;

/** What went wrong, for people: our words where the code has some. */
export function words(error: unknown): string {
  if (!(error instanceof Refusal)) throw error;
  const { code, details } = error;
  if (code === "no_answer") return t.problem.noAnswer;
  if (code === "not_confirmed" || code === "unavailable" || code === "timeout") return t.problem.unsure;
  if (WAITS.includes(code)) return t.problem.rate(waitOf(error));
  if (code === "not_allowed" || code === "not_found") return t.problem.notAllowed;
  if (code === "token_limit" && details.limit) return t.problem.limit(details.limit);
  if (code === "storage_full") return t.problem.storage;
  if (details.reason === "answer_lost") return t.problem.lost;
  return t.problem.unknown;
}

export function asRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  throw error;
}

/** What a form says of a refusal by its reason, the field that it is about, or its code. */
export type Words = Record<string, string | ((details: Details) => string)>;

/** The form's own words; Postern's, which name the field, where it has none; null: those of all. */
export function wordsOf(refusal: Refusal | null, words: Words): string | null {
  if (!refusal) return null;
  const { code, details, message } = refusal;
  const own = words[details.reason ?? ""] ?? words[details.field ?? ""] ?? words[code];
  const said = typeof own === "function" ? own(details) : own;
  if (said) return said;
  return code === "invalid_param" ? message : null;
}
