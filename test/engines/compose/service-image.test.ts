import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { serviceImageTag, sourcesHash } from '../../../src/engines/compose/service-image.ts'

const root = mkdtempSync(join(tmpdir(), 'headroom-image-'))
afterAll(() => {
  rmSync(root, { recursive: true, force: true })
})

describe('the tag of the image with our services', () => {
  it('is the one that somebody chose, else one of the sources', () => {
    expect(serviceImageTag('local')).toBe('local')
    expect(serviceImageTag(undefined)).toMatch(/^src-[0-9a-f]{12}$/)
    expect(serviceImageTag('')).toBe(serviceImageTag(undefined))
  })

  it('changes with every name and every content that the image is made of, and with nothing else', () => {
    const write = (name: string, text: string) => {
      mkdirSync(join(root, 'src'), { recursive: true })
      writeFileSync(join(root, name), text)
    }
    const hash = () => sourcesHash(root, ['src', 'Dockerfile'])
    write('src/a.ts', 'one')
    const first = hash()
    write('notes.md', 'not copied')
    expect(hash()).toBe(first)
    write('src/a.ts', 'two')
    const second = hash()
    expect(second).not.toBe(first)
    rmSync(join(root, 'src/a.ts'))
    write('src/b.ts', 'two')
    expect(new Set([first, second, hash()]).size).toBe(3)
  })
})
