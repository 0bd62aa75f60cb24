import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  executionOf,
  type Values,
} from '../../../../reference-impl/service-kit/postgres/bind-text.ts'

interface Message {
  readonly type: string
  readonly body: Buffer
}

function messagesOf(execution: string | Buffer): readonly Message[] {
  const bytes = typeof execution === 'string' ? Buffer.from(execution, 'latin1') : execution
  const messages: Message[] = []
  for (let at = 0; at < bytes.length;) {
    const length = bytes.readInt32BE(at + 1)
    messages.push({
      type: String.fromCharCode(bytes[at]!),
      body: bytes.subarray(at + 5, at + 1 + length),
    })
    at += 1 + length
  }
  return messages
}

/** Reads a Bind message as PostgreSQL does: portal, statement, format codes, parameters, result formats. */
function boundBy(body: Buffer): { portal: string; statement: string; values: Values } {
  const portalEnd = body.indexOf(0)
  const statementEnd = body.indexOf(0, portalEnd + 1)
  let at = statementEnd + 1
  const int = (bytes: 2 | 4): number => {
    at += bytes
    return bytes === 2 ? body.readInt16BE(at - 2) : body.readInt32BE(at - 4)
  }
  expect(int(2)).toBe(0)
  const values = Array.from({ length: int(2) }, () => {
    const length = int(4)
    if (length < 0) return null
    at += length
    return body.toString('utf8', at - length, at)
  })
  expect(int(2)).toBe(0)
  expect(at).toBe(body.length)
  return {
    portal: body.toString('utf8', 0, portalEnd),
    statement: body.toString('utf8', portalEnd + 1, statementEnd),
    values,
  }
}

const text = fc.oneof(
  fc.string({ unit: 'binary-ascii', maxLength: 400 }),
  fc.string({ unit: 'grapheme', maxLength: 80 }),
  fc.string({ unit: 'binary', maxLength: 80 }),
)

describe('executionOf', () => {
  it('binds exactly the values given, then executes and syncs once', () => {
    fc.assert(
      fc.property(fc.array(fc.option(text), { maxLength: 9 }), (values) => {
        const [bind, execute, sync, ...rest] = messagesOf(executionOf('a-name', values))
        expect(rest).toEqual([])
        expect(bind!.type).toBe('B')
        expect(boundBy(bind!.body)).toEqual({ portal: '', statement: 'a-name', values })
        expect(execute).toEqual({ type: 'E', body: Buffer.from([0, 0, 0, 0, 0]) })
        expect(sync).toEqual({ type: 'S', body: Buffer.alloc(0) })
      }),
    )
  })

  it('takes lengths that fill every byte of their field', () => {
    for (const length of [0, 127, 128, 255, 256, 65_535, 65_536, 20_000_000]) {
      const values = ['x'.repeat(length), null]
      const [bind] = messagesOf(executionOf('s', values))
      expect(boundBy(bind!.body).values[0]?.length).toBe(length)
    }
  })

  it('leaves plain ASCII as a string, which a socket writes without a copy, and the rest as UTF-8', () => {
    expect(executionOf('s', ['plain', null])).toBeTypeOf('string')
    expect(executionOf('s', ['plain', 'ünï'])).toBeInstanceOf(Buffer)
  })
})
