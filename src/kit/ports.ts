/** Free TCP ports on the loopback address. */
import { createServer } from 'node:net'

/** Ports handed out are not handed out again by this process for a while: their user may not listen yet. */
const recent: number[] = []
const RECENT_LIMIT = 64

/** A port nobody listens on at 127.0.0.1 right now. Another process may take it: the caller retries on PORT_TAKEN. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = await listenOnce(0)
    if (port === null) throw new Error('no free TCP port on 127.0.0.1')
    if (recent.includes(port)) continue
    recent.push(port)
    if (recent.length > RECENT_LIMIT) recent.shift()
    return port
  }
}

/** Whether this port can be listened on at 127.0.0.1 right now. */
export async function portIsFree(port: number): Promise<boolean> {
  return (await listenOnce(port)) !== null
}

function listenOnce(port: number): Promise<number | null> {
  return new Promise((resolve) => {
    const server = createServer()
    server.unref()
    server.once('error', () => {
      resolve(null)
    })
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      const address = server.address()
      server.close(() => {
        resolve(typeof address === 'object' && address !== null ? address.port : null)
      })
    })
  })
}
