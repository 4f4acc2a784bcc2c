// An ordinary server of Node that prints a line for each request it believes to have seen.
const http = require('http');

http
  .createServer((request, response) => {
    request.resume();
    request.on('end', () => {
      process.stdout.write(`${request.method} ${request.url}\n`);
      response.end('ok');
    });
  })
  .listen(Number(process.argv[2]), '127.0.0.1');
