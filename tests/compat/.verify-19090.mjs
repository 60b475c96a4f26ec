
import { Webhook } from "standardwebhooks";
import http from "node:http";
const webhook = new Webhook(process.argv[2]);
const server = http.createServer((request, response) => {
  let body = "";
  request.on("data", (part) => (body += part));
  request.on("end", () => {
    let status = 204;
    try { webhook.verify(body, request.headers); } catch (error) { status = 400; }
    response.writeHead(status).end();
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
