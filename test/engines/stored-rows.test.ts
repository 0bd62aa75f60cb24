import fc from 'fast-check'
import { expect, it } from 'vitest'
import { storedRowsOf } from '../../src/engines/stored-rows.ts'

async function read(text: string, cuts: readonly number[]) {
  async function* chunks(): AsyncGenerator<Buffer> {
    const bytes = Buffer.from(text)
    let from = 0
    for (const cut of [...cuts].sort((a, b) => a - b)) {
      await Promise.resolve()
      yield bytes.subarray(from, Math.max(from, cut % (bytes.length + 1)))
      from = Math.max(from, cut % (bytes.length + 1))
    }
    yield bytes.subarray(from)
  }
  const rows: [string, string, number][] = []
  for await (const batch of storedRowsOf(chunks())) {
    batch.ids.forEach((id, index) =>
      rows.push([id, batch.sources[index] ?? '', batch.values[index] ?? NaN]),
    )
  }
  return rows
}

const escaped = (text: string) =>
  text
    .replaceAll('\\', '\\\\')
    .replaceAll('\t', '\\t')
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r')

it('gives back the same rows however the text is cut into chunks', async () => {
  const row = fc.tuple(
    fc.string({ unit: 'grapheme' }),
    fc.string(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(row), fc.array(fc.nat()), async (rows, cuts) => {
      const text = rows
        .map(([id, source, value]) => `${escaped(id)}\t${escaped(source)}\t${String(value)}\n`)
        .join('')
      const want = rows.map(([id, source, value]) => [
        id,
        source,
        value === 0 ? Number(String(value)) : value,
      ])
      expect(await read(text, cuts)).toEqual(want)
    }),
    { numRuns: 200 },
  )
})

it('reads NULL as a value that no event has', async () => {
  expect(await read('a\tb\t\\N\n', [])).toEqual([['a', 'b', Number.NaN]])
})

it('does not take an answer that was cut off for a whole one', async () => {
  await expect(read('a\tb\t1\nc\td\t2', [])).rejects.toThrow('middle of a row')
  await expect(read('Code: 241. DB::Exception\n', [])).rejects.toThrow('three columns')
})
