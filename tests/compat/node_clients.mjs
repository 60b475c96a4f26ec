// Posts with Node's fetch and with axios, the way notifiers do. argv: client, URL, body.
// Prints {"status", "body"}.
import axios from "axios";

const [client, url, body] = process.argv.slice(2);
let status, text;
if (client === "fetch") {
  const answer = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body,
  });
  status = answer.status;
  text = await answer.text();
} else if (client === "fetch-stream") {
  // A stream of unknown length goes out with Transfer-Encoding: chunked.
  const stream = new Blob([body]).stream();
  const answer = await fetch(url, { method: "POST", body: stream, duplex: "half" });
  status = answer.status;
  text = await answer.text();
} else {
  const answer = await axios.post(url, JSON.parse(body), {
    validateStatus: () => true,
    transformResponse: [(data) => data],
    proxy: false,
  });
  status = answer.status;
  text = answer.data;
}
console.log(JSON.stringify({ status, body: text }));
