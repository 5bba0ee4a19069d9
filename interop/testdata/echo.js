// TLS by Node: an echo for each case on standard input. A line is one case, of
// words key=value. A server prints the port it listens on; who closes first prints
// the hash of what comes then; both behind the case's n. What goes wrong goes to standard error.
'use strict'
const crypto = require('crypto')
const fs = require('fs')
const tls = require('tls')

const limit = 30000 // milliseconds, as for each case

function serve(socket, p) {
  const then = p.then
  socket.on('error', e => console.error(e.message))
  socket.setTimeout(limit, () => socket.destroy(new Error('time is up')))
  if (then !== 'last' && then !== 'first') {
    socket.pipe(socket)
    return
  }
  const got = []
  socket.on('data', b => got.push(b))
  if (then === 'first' && p.role === 'server') socket.end()
  else if (then === 'first') socket.on('secureConnect', () => socket.end())
  socket.on('end', () => {
    const all = Buffer.concat(got)
    if (then === 'last') socket.end(all)
    else console.log(p.n, crypto.createHash('sha256').update(all).digest('hex'))
  })
}

function run(line) {
  const p = Object.fromEntries(line.split(' ').map(word => word.split(/=(.*)/)))
  const file = name => name ? fs.readFileSync(name) : undefined
  const half = p.then === 'last' || p.then === 'first'
  const common = {
    minVersion: p.version.split(',')[0], maxVersion: p.version.split(',').pop(), ciphers: p.suite || undefined, ecdhCurve: p.groups || undefined, sigalgs: p.sigalgs || undefined,
    cert: file(p.cert), key: file(p.key), ca: file(p.ca), allowHalfOpen: half,
    secureOptions: Number(p.options || 0),
  }
  const secret = Buffer.from(p.psk, 'hex')
  if (p.role === 'client') {
    connect(Number(p.rounds), undefined)
    return
  }
  function connect(left, session) {
    if (left === 0) return
    const socket = tls.connect({
      ...common, host: '127.0.0.1', port: Number(p.port), servername: 'localhost', session,
      ...(p.psk && { pskCallback: () => ({ psk: secret, identity: p.identity }), checkServerIdentity: () => undefined }),
    })
    let kept = session
    socket.on('session', s => { kept = s })
    socket.on('close', () => connect(left - 1, kept))
    serve(socket, p)
  }
  const server = tls.createServer({
    ...common, ...(p.alpn && { ALPNProtocols: p.alpn.split(',') }),
    ...(p.sni && { SNICallback: (name, done) => name === p.sni ? done(null) : done(new Error('there is no ' + name)) }),
    handshakeTimeout: limit, requestCert: p.ask !== '', rejectUnauthorized: p.verify !== '' && p.ask === 'require', // it takes nobody without a certificate then
    dhparam: p.dh ? file(p.dh) : undefined,
    ...(p.psk && { pskCallback: (_, identity) => identity === p.identity ? secret : null }),
  }, socket => {
    const shown = p.ask !== '' && socket.getPeerCertificate().raw
    if (p.ask === 'require' && !shown || p.verify && shown && !socket.authorized) socket.destroy(new Error('no good certificate'))
    else serve(socket, p)
  })
  const sessions = new Map()
  server.on('newSession', (id, data, done) => { sessions.set(id.toString('hex'), data); done() })
  server.on('resumeSession', (id, done) => done(null, sessions.get(id.toString('hex')) || null))
  server.on('tlsClientError', e => console.error(e.message))
  let left = Number(p.rounds)
  server.on('connection', () => { if (--left === 0) server.close() })
  server.listen(0, '127.0.0.1', () => console.log(p.n, server.address().port))
}

require('readline').createInterface({ input: process.stdin }).on('line', run).on('close', () => process.exit())
