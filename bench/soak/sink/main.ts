/**
 * The sink of the driver-memory soak, in a process of its own. In: HTTP requests with a content length, one event each.
 * Out: an ack for each, and their number when the parent asks. It reads no body: as cheap as a server can be.
 */
import type { AddressInfo, Socket } from 'node:net'
import { createServer } from 'node:net'

export type FromSink =
  | { readonly type: 'listening'; readonly port: number }
  | { readonly type: 'count'; readonly requests: number }

const HEAD_END = '\r\n\r\n'
const BODY = '{"accepted":1,"duplicate":0,"rejected":0}'
const ANSWER = Buffer.from(
  `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${String(BODY.length)}\r\n\r\n${BODY}`,
)

let requests = 0

function serve(socket: Socket): void {
  let pending: Buffer = Buffer.alloc(0)
  /** Bytes of the current body that have not arrived yet. */
  let bodyLeft = 0
  socket.on('error', () => {
    socket.destroy()
  })
  socket.on('data', (chunk: Buffer) => {
    let at = Math.min(bodyLeft, chunk.length)
    bodyLeft -= at
    if (at > 0 && bodyLeft === 0) answer(socket)
    pending = pending.length === 0 ? chunk.subarray(at) : Buffer.concat([pending, chunk])
    at = 0
    for (
      let head = pending.indexOf(HEAD_END, at);
      head >= 0;
      head = pending.indexOf(HEAD_END, at)
    ) {
      const bodyBytes = lengthIn(pending.toString('latin1', at, head))
      const here = Math.min(bodyBytes, pending.length - head - HEAD_END.length)
      at = head + HEAD_END.length + here
      bodyLeft = bodyBytes - here
      if (bodyLeft > 0) break
      answer(socket)
    }
    pending = pending.subarray(at)
  })
}

function lengthIn(head: string): number {
  return Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0)
}

function answer(socket: Socket): void {
  requests++
  socket.write(ANSWER)
}

const server = createServer({ noDelay: true }, serve)
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo
  tell({ type: 'listening', port })
})
process.on('message', () => {
  tell({ type: 'count', requests })
})
process.on('disconnect', () => process.exit(0))

function tell(message: FromSink): void {
  process.send?.(message)
}
