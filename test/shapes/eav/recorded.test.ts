import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { openRecorded } from '../../../src/shapes/open-stream.ts'
import type { RecordedStreamSpec } from '../../../src/shapes/stream.ts'

const folder = mkdtempSync(join(tmpdir(), 'headroom-recorded-eav-'))
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

const mapping = {
  tenant_id: 'account',
  write_id: 'id',
  entity_id: 'thing',
  attribute: 'name',
  value: 'to',
  written_at: 'at',
  weight: 'units',
  critical: 'urgent',
}

function specOf(text: string, format: 'ndjson' | 'csv'): RecordedStreamSpec {
  const file = join(folder, `writes.${format}`)
  writeFileSync(file, text)
  return { source: 'recorded', shape: 'eav', file, format, mapping }
}

describe('recorded attribute writes', () => {
  it('keep numbers as numbers and texts as texts, in JSON and in COPY text', async () => {
    const lines = [
      {
        account: 'acme',
        id: 'b',
        thing: 17,
        name: 'color',
        to: 'a\tred',
        at: 2e9,
        units: 3,
        urgent: true,
      },
      { account: 'acme', id: 'a', thing: '18', name: 'size', to: 12.5, at: 1e9 },
    ]
    const text = lines.map((line) => JSON.stringify(line)).join('\n')
    using stream = await openRecorded(specOf(text, 'ndjson'))
    const target = Buffer.alloc(stream.maxEventBytes)
    const sent = [0, 1].map(
      (index) =>
        JSON.parse(target.toString('utf8', 0, stream.writeJson(index, target, 0))) as unknown,
    )
    expect(sent).toMatchObject([
      { write_id: 'a', entity_id: 18, attribute: 'size', value: 12.5 },
      {
        write_id: 'b',
        entity_id: 17,
        attribute: 'color',
        value: 'a\tred',
        weight: 3,
        critical: true,
      },
    ])
    expect([stream.valueAt(0), stream.valueAt(1)]).toEqual([12.5, 3])
    const row = target.toString('utf8', 0, stream.writeCopyRow(1, target, 0))
    expect(row.slice(0, -1).split('\t').slice(4)).toEqual([
      '\\N',
      'color',
      'text',
      't',
      'a\\tred',
      '3',
    ])
    expect(stream.indexOf(stream.sourceOf(1), 'b')).toBe(1)
  })

  it('in CSV, where nothing has a type, are numbers where they read as such', async () => {
    const text = `${Object.values(mapping).join(',')}\nacme,x,5,size,7,1e9,,\nacme,y,5,size,XL,1000000001,2,t\n`
    using stream = await openRecorded(specOf(text.replace('1e9', '1000000000'), 'csv'))
    expect([stream.valueAt(0), stream.valueAt(1)]).toEqual([7, 2])
  })

  it('that name no whole entity are refused with their line', async () => {
    const line = { account: 'a', id: 'x', thing: 'no', name: 'n', to: 1, at: 1e9 }
    await expect(openRecorded(specOf(JSON.stringify(line), 'ndjson'))).rejects.toMatchObject({
      code: 'BAD_INPUT',
      problems: [{ line: 1, path: 'thing' }],
    })
  })
})
