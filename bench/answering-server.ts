/**
 * The cheapest service a driver can meet, as a process of its own: 200 to every POST, and on GET /arrivals when they
 * came. Prints its port. For benches of the driver only.
 */
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'

const ANSWER = Buffer.from(
  'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 41\r\n\r\n' +
    '{"accepted":1,"duplicate":0,"rejected":0}',
)
const ARRIVALS_MAX = 4_000_000
const arrivalsMs = new Float64Array(ARRIVALS_MAX)
let arrivals = 0

/** Bytes of one request: peers send all of theirs alike, ours differ by a few; each announces its length. */
function requestBytes(chunk: Buffer): number {
  const head = chunk.indexOf('\r\n\r\n')
  if (head < 0) return -1
  const length = /content-length: (\d+)/i.exec(chunk.toString('latin1', 0, head))
  return head + 4 + Number(length?.[1] ?? 0)
}

const server = createServer({ noDelay: true }, (socket) => {
  let pending: Buffer | null = null
  socket.on('error', () => socket.destroy())
  socket.on('data', (data) => {
    let rest: Buffer = pending === null ? data : Buffer.concat([pending, data])
    for (
      let bytes = requestBytes(rest);
      bytes > 0 && rest.length >= bytes;
      bytes = requestBytes(rest)
    ) {
      if (rest[0] === 71) {
        const body = JSON.stringify([...arrivalsMs.subarray(0, arrivals)])
        socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${String(body.length)}\r\n\r\n${body}`)
        arrivals = 0
        return
      }
      if (arrivals < ARRIVALS_MAX) arrivalsMs[arrivals++] = performance.now()
      socket.write(ANSWER)
      rest = rest.subarray(bytes)
    }
    pending = rest.length > 0 ? rest : null
  })
})
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${String((server.address() as AddressInfo).port)}\n`)
})
process.on('disconnect', () => process.exit(0))
