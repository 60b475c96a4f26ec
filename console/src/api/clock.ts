// The server's time: a browser's clock may be an hour wrong.

let ahead = 0; // of the browser's clock, in milliseconds

/** Takes the Date of an answer, which is exact to a second; less than half a minute is nothing. */
export function learnTime(answer: Response): void {
  const said = Date.parse(answer.headers.get("Date") ?? "");
  if (Number.isNaN(said)) return;
  const off = said - Date.now();
  ahead = Math.abs(off) < 30_000 ? 0 : off;
}

export const now = (): number => Date.now() + ahead;
