// A handler as its author would write it: verifies by standardwebhooks, answers a message object.
//   node answering_handler.mjs SECRET      says its port; a body that does not verify gets 400
import http from "node:http";
import { Webhook } from "standardwebhooks";

const webhook = new Webhook(process.argv[2]);
const server = http.createServer((request, response) => {
  let body = "";
  request.setEncoding("utf8");
  request.on("data", (part) => (body += part));
  request.on("end", () => {
    try {
      const event = webhook.verify(body, request.headers);
      const push = JSON.parse(event.body);
      const commits = push.commits.length;
      const text = `${push.pusher.name} pushed ${commits} commit(s) to ${push.repository.full_name}`;
      const answer = JSON.stringify({ text, bot: { name: event.headers["x-github-event"] } });
      response.writeHead(200, { "Content-Type": "application/json" }).end(answer);
    } catch (error) {
      response.writeHead(400).end(String(error));
    }
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
