/** Scrolls a row of links, where it is wider than the screen, so that the one of this page is seen. OF: what it is read of. */
export function showCurrent(row: HTMLElement, of: unknown): void {
  void of;
  const one = row.querySelector("[aria-current]");
  if (!one) return;
  const [inner, outer] = [one.getBoundingClientRect(), row.getBoundingClientRect()];
  row.scrollLeft += inner.left - outer.left - (outer.width - inner.width) / 2;
}
