/** A server that asks for the password in a way that gives it away: spoken in PostgreSQL's protocol, by hand. */
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { connect } from '../../../src/engines/postgres/connection.ts'

let server: Server
afterEach(() => {
  server.close()
})

/** Reaches this machine, and is not known to. */
const HOST = '0.0.0.0'

/** @returns its port, and what clients sent after they were asked */
async function asking(
  request: number,
  salt = 0,
): Promise<{ readonly port: number; readonly heard: () => string }> {
  let heard = ''
  server = createServer((socket) => {
    socket.once('data', () => {
      const message = Buffer.alloc(9 + salt)
      message.write('R')
      message.writeInt32BE(8 + salt, 1)
      message.writeInt32BE(request, 5)
      socket.on('data', (data) => (heard += data.toString('latin1')))
      socket.write(message)
    })
    socket.on('error', () => undefined)
  }).listen(0, '0.0.0.0')
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port, heard: () => heard }
}

it.each([
  ['in the clear', 3, 0],
  ['as MD5', 5, 4],
])(
  'a password that is asked for %s over a plain connection is not sent',
  async (how, code, salt) => {
    const { port, heard } = await asking(code, salt)
    const address = { host: HOST, port, user: 'bench', database: 'd', password: 'cAnary' } as const
    const failure = await connect({ ...address, tls: 'off' }).then(
      () => null,
      (error: unknown) => error as Error & { readonly code: string },
    )
    expect(failure).toMatchObject({ code: 'ENGINE_AUTH_FAILED' })
    expect(failure?.message).toContain(how)
    expect(failure?.message).toContain('it was not sent')
    expect(heard()).toBe('')
  },
)

it('on loopback it is sent: nobody else hears it', async () => {
  const { port, heard } = await asking(3)
  const address = { host: '127.0.0.1', port, user: 'bench', database: 'd', password: 'cAnary' }
  const connecting = connect({ ...address, tls: 'off' })
  connecting.catch(() => undefined)
  while (heard() === '') await new Promise((resolve) => setTimeout(resolve, 10))
  expect(heard()).toContain('cAnary')
  server.close()
})
