import { describe, expect, it } from 'vitest'
import fc from 'fast-check'
import { ProtocolError } from '../../src/drive/http-head.ts'
import { ResponseParser } from '../../src/drive/http-response.ts'

interface Seen {
  readonly status: number
  readonly keepAlive: boolean
  readonly body: string
}

/** Feeds the text cut at the given places, each piece into the same reused buffer. */
function parse(text: string, cuts: readonly number[] = [], ends = false): readonly Seen[] {
  const seen: Seen[] = []
  const parser = new ResponseParser(({ status, keepAlive, buffer, from, to }) => {
    seen.push({ status, keepAlive, body: buffer.toString('latin1', from, to) })
  })
  const bytes = Buffer.from(text, 'latin1')
  const reused = Buffer.alloc(bytes.length + 64, 'x')
  const places = [0, ...[...cuts].sort((a, b) => a - b), bytes.length]
  for (let k = 1; k < places.length; k++) {
    const length = bytes.copy(reused, 0, places[k - 1], places[k])
    parser.feed(reused, length)
    reused.fill('x')
  }
  if (ends) parser.end()
  return seen
}

const PLAIN = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello'
const CHUNKED =
  'HTTP/1.1 201 Created\r\ntransfer-encoding: gzip, Chunked\r\nConnection: Keep-Alive\r\n\r\n' +
  '3;name="v"\r\nhel\r\nA\r\nlo world..\r\n0\r\nExpires: never\r\n\r\n'
const CONTINUED = `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${PLAIN}`
const EMPTY = 'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\nkeep-alive: timeout=5, max=9\r\n\r\n'
const CLOSING = 'HTTP/1.1 429 Too Many\r\nContent-Length: 2\r\nConnection: CLOSE\r\n\r\nno'
const BARE_LINES = 'HTTP/1.1 200 OK\nContent-Length: 2\n\nok'
const UNTIL_CLOSE = 'HTTP/1.0 200 OK\r\nServer: old\r\n\r\nall the rest'

const EXPECTED: readonly (readonly [string, readonly Seen[]])[] = [
  [PLAIN, [{ status: 200, keepAlive: true, body: 'hello' }]],
  [CHUNKED, [{ status: 201, keepAlive: true, body: 'hello world..' }]],
  [CONTINUED, [{ status: 200, keepAlive: true, body: 'hello' }]],
  [EMPTY, [{ status: 204, keepAlive: true, body: '' }]],
  [CLOSING, [{ status: 429, keepAlive: false, body: 'no' }]],
  [BARE_LINES, [{ status: 200, keepAlive: true, body: 'ok' }]],
  [UNTIL_CLOSE, [{ status: 200, keepAlive: false, body: 'all the rest' }]],
]

describe('response parser', () => {
  it('reads every kind of response when it comes in one piece', () => {
    for (const [text, seen] of EXPECTED) {
      expect(parse(text, [], text === UNTIL_CLOSE)).toEqual(seen)
    }
  })

  it('reads the same wherever the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...EXPECTED),
        fc.array(fc.nat({ max: 200 }), { maxLength: 12 }),
        ([text, seen], cuts) => {
          const inside = cuts.map((cut) => cut % text.length)
          expect(parse(text, inside, text === UNTIL_CLOSE)).toEqual(seen)
        },
      ),
      { numRuns: 1_000 },
    )
  })

  it('reads byte by byte', () => {
    for (const [text, seen] of EXPECTED) {
      const cuts = Array.from({ length: text.length - 1 }, (_, k) => k + 1)
      expect(parse(text, cuts, text === UNTIL_CLOSE)).toEqual(seen)
    }
  })

  it('reads responses that follow one another, with bodies that differ in length', () => {
    const one = (body: string): string =>
      `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: fc.constantFrom('a', '\r', '\n', '0') }), { minLength: 1 }),
        fc.array(fc.nat()),
        (bodies, cuts) => {
          const text = bodies.map(one).join('')
          const seen = parse(
            text,
            cuts.map((cut) => cut % text.length),
          )
          expect(seen.map(({ body }) => body)).toEqual(bodies)
        },
      ),
    )
  })

  it('tells a response that was cut off from one that was whole', () => {
    for (const length of [1, 20, 60, PLAIN.length - 1]) {
      const parser = new ResponseParser(() => undefined)
      parser.feed(Buffer.from(PLAIN), length)
      expect(parser.end()).toBe(true)
    }
    const parser = new ResponseParser(() => undefined)
    parser.feed(Buffer.from(PLAIN), PLAIN.length)
    expect(parser.between).toBe(true)
    expect(parser.end()).toBe(false)
  })

  it('learns how long the server keeps an idle connection', () => {
    const parser = new ResponseParser(() => undefined)
    parser.feed(Buffer.from(EMPTY), EMPTY.length)
    expect(parser.keepAliveS).toBe(5)
  })

  it('refuses what it cannot be sure about', () => {
    for (const text of [
      'SSH-2.0-OpenSSH_9.2\r\n\r\n',
      'HTTP/2 200 OK\r\n\r\n',
      'HTTP/1.1 2x0 OK\r\n\r\n',
      'HTTP/1.1 099 Low\r\n\r\n',
      'HTTP/1.1 101 Switching Protocols\r\n\r\n',
      'HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello',
      'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n',
      'HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n',
      'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n',
      `HTTP/1.1 200 OK\r\nX: ${'y'.repeat(70_000)}`,
    ]) {
      expect(() => parse(text), JSON.stringify(text.slice(0, 60))).toThrow(ProtocolError)
    }
  })
})
