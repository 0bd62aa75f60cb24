import { describe, expect, it } from 'vitest'
import { EventPopulation } from '../../src/scenario/scenario.ts'
import { openStream } from '../../src/shapes/open-stream.ts'
import type { RequestSpeech } from '../../src/drive/job.ts'
import { TemplateWriter } from '../../src/drive/template-writer.ts'

const stream = await openStream(
  { source: 'generated', shape: 'billing', seed: 3, events: EventPopulation.parse({}) },
  (index) => Date.UTC(2026, 0, 1) + index,
)
const speech: RequestSpeech = {
  method: 'PUT',
  path: '/in',
  headers: {},
  event: { id: '${transaction_id}', v: '${value}' },
  batch: 'one',
  around: null,
}

function written(
  request: Partial<RequestSpeech>,
  options: { readonly batchEvents?: number; readonly headers?: Record<string, string> } = {},
): { readonly head: string; readonly body: string } {
  const { batchEvents = 1, headers = {} } = options
  const writer = new TemplateWriter(
    { ...speech, ...request },
    {
      url: new URL('http://host:81/base/'),
      headers,
      stream,
      batchEvents,
      constants: { run: 'mark', 'env.KEY': 's3cret' },
    },
  )
  const exchange = writer.newExchange()
  exchange.request = 2
  exchange.events = batchEvents
  writer.write(exchange)
  const { buffer, from, bodyFrom, to } = exchange
  return {
    head: buffer.toString('latin1', from, bodyFrom),
    body: buffer.toString('utf8', bodyFrom, to),
  }
}

const idAt = (index: number) => stream.idOf(index)

describe('a request after a template', () => {
  it('is an HTTP/1.1 request of the right length', () => {
    const { head, body } = written({})
    expect(head).toBe(
      `PUT /base/in HTTP/1.1\r\nhost: host:81\r\ncontent-type: application/json\r\ncontent-length: ${String(body.length)}\r\n\r\n`,
    )
    expect(JSON.parse(body)).toEqual({ id: idAt(2), v: stream.valueAt(2) })
  })

  it('names fields of its event in path and headers, encoded in the path', () => {
    const { head } = written(
      {
        path: '/o/${organization_id}?r=${run}',
        headers: { 'Idempotency-Key': '${transaction_id}' },
      },
      { headers: { authorization: 'Bearer s3cret' } },
    )
    expect(head).toContain(`PUT /base/o/${stream.sourceOf(2)}?r=mark HTTP/1.1`)
    expect(head).toContain(`idempotency-key: ${idAt(2)}\r\n`)
    expect(head).toContain('authorization: Bearer s3cret\r\n')
  })

  it('holds an array of events, bare or with something around it', () => {
    const ids = [idAt(4), idAt(5)]
    const bare = written({ batch: 'array' }, { batchEvents: 2 })
    expect((JSON.parse(bare.body) as { id: string }[]).map(({ id }) => id)).toEqual(ids)
    const around = {
      meta: { key: '${env.KEY}', text: '${events} are coming' },
      events: '${events}',
    }
    const dressed = written({ batch: 'array', around }, { batchEvents: 2 })
    expect(JSON.parse(dressed.body)).toMatchObject({
      meta: { key: 's3cret' },
      events: [{ id: ids[0] }, { id: ids[1] }],
    })
  })

  it('holds lines of JSON or of text', () => {
    const lines = written({ batch: 'lines' }, { batchEvents: 2 })
    expect(lines.head).toContain('content-type: application/x-ndjson')
    expect(lines.body.endsWith('\n')).toBe(true)
    expect(
      lines.body
        .trimEnd()
        .split('\n')
        .map((line) => (JSON.parse(line) as { id: string }).id),
    ).toEqual([idAt(4), idAt(5)])
    const text = written(
      { batch: 'lines', event: 'usage,id=${transaction_id} ${value}' },
      { batchEvents: 2 },
    )
    expect(text.head).toContain('content-type: text/plain')
    expect(text.body.split('\n')[0]).toBe(`usage,id=${idAt(4)} ${String(stream.valueAt(4))}`)
  })

  it('grows with its event', () => {
    const { body } = written({
      event: { many: Array.from({ length: 200 }, () => '${properties}') },
    })
    expect(JSON.parse(body)).toHaveProperty('many.199')
  })
})
