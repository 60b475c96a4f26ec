// Lines that post with a token: complete, to be pasted as they are.

export type Language = "curl" | "Python" | "Node";
export const LANGUAGES: Language[] = ["curl", "Python", "Node"];

const shell = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** TEXT is posted to URL by the token. A string of JSON is one of Python and of JavaScript, too. */
export function example(language: Language, url: string, token: string, text: string): string {
  const body = JSON.stringify({ text });
  if (language === "curl")
    return [
      `curl ${shell(url)} \\`,
      `  -H ${shell(`Authorization: Bearer ${token}`)} \\`,
      `  -H 'Content-Type: application/json' \\`,
      `  -d ${shell(body)}`,
    ].join("\n");
  if (language === "Python")
    return [
      "import json, urllib.request",
      "",
      "request = urllib.request.Request(",
      `    ${JSON.stringify(url)},`,
      `    json.dumps({"text": ${JSON.stringify(text)}}).encode(),`,
      `    {"Authorization": "Bearer ${token}", "Content-Type": "application/json"},`,
      ")",
      "print(urllib.request.urlopen(request).status)",
    ].join("\n");
  return [
    `const answer = await fetch(${JSON.stringify(url)}, {`,
    '  method: "POST",',
    `  headers: { Authorization: "Bearer ${token}", "Content-Type": "application/json" },`,
    `  body: JSON.stringify({ text: ${JSON.stringify(text)} }),`,
    "});",
    "console.log(answer.status);",
  ].join("\n");
}
