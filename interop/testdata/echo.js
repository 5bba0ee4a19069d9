// TLS by Node: an echo for each case on standard input. A line is one case:
// role version suite groups cert key ca port. A server prints the port it
// listens on. What goes wrong goes to standard error.
'use strict'
const fs = require('fs')
const tls = require('tls')

const limit = 20000 // milliseconds, as for each case

function echo(socket) {
  socket.on('error', e => console.error(e.message))
  socket.setTimeout(limit, () => socket.destroy(new Error('time is up')))
  socket.pipe(socket)
}

function run(line) {
  const [role, version, ciphers, groups, cert, key, ca, port] = line.split(' ')
  const common = { minVersion: version, maxVersion: version, ciphers, ecdhCurve: groups }
  if (role === 'client') {
    const socket = tls.connect({ ...common, host: '127.0.0.1', port: Number(port), servername: 'localhost', ca: fs.readFileSync(ca) })
    echo(socket)
    return
  }
  const server = tls.createServer({ ...common, cert: fs.readFileSync(cert), key: fs.readFileSync(key), handshakeTimeout: limit }, echo)
  server.on('tlsClientError', e => console.error(e.message))
  server.on('connection', () => server.close()) // one connection a case
  server.listen(0, '127.0.0.1', () => console.log(server.address().port))
}

require('readline').createInterface({ input: process.stdin }).on('line', run).on('close', () => process.exit())
