// A service that acknowledges first and stores later: what it has not stored when it is killed is gone. It notes every
// acknowledgement before giving it (argv[3]) and everything it stores (argv[4]), both synchronously.
import { appendFileSync } from 'node:fs'
import { createServer } from 'node:http'

const [port, ackedFile, storedFile] = process.argv.slice(2)
const STORE_EVERY_MS = 40
let pending = []

setInterval(() => {
  if (pending.length === 0) return
  appendFileSync(storedFile, pending.join(''))
  pending = []
}, STORE_EVERY_MS)

const server = createServer((request, response) => {
  const parts = []
  request.on('data', (part) => parts.push(part))
  request.on('end', () => {
    const event = JSON.parse(Buffer.concat(parts).toString())
    const { organization_id: source, transaction_id: id, value } = event
    const line = `${JSON.stringify({ source, id, value: Number(value) })}\n`
    appendFileSync(ackedFile, line)
    pending.push(line)
    response.setHeader('content-type', 'application/json')
    response.end('{"accepted":1,"duplicate":0,"rejected":0}')
  })
})
server.listen(Number(port), '127.0.0.1', () => process.stdout.write(`${server.address().port}\n`))
