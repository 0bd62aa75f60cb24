import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  escapeHtml,
  escapeMarkdown,
  escapeXml,
  honestText,
  jsonForScript,
} from '../../src/report/escape.ts'
import { anchor, html } from '../../src/report/markup.ts'

/** Whole code points and lone surrogates, controls and markup, in any order. */
const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '<script>',
        '</script>',
        '<!--',
        ']]>',
        '"',
        "'",
        '`',
        '&',
        '&amp;',
        '\u2028',
        '\u202e',
        '\u0000',
        '\ud800',
        '|',
        '\n',
        '[x](javascript:1)',
        '@all',
        'https://x.example',
      ),
      fc.string({ unit: 'binary' }),
    ),
  )
  .map((parts) => parts.join(''))

/** Undoes character references, as a browser or an XML reader does. */
function unescape(text: string): string {
  const named: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"' }
  return text.replace(/&(?:#(\d+)|(\w+));/g, (_, code: string | undefined, name: string) =>
    code === undefined ? (named[name] ?? '') : String.fromCharCode(Number(code)),
  )
}

describe('escaping', () => {
  it('leaves no character of markup in HTML, and loses nothing but lies', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const escaped = escapeHtml(text)
        expect(escaped).not.toMatch(/[<>"'`]/)
        expect(unescape(escaped)).toBe(honestText(text))
      }),
    )
  })

  it('gives XML 1.0 only characters that it may hold', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const escaped = escapeXml(text)
        // eslint-disable-next-line no-control-regex
        expect(escaped).not.toMatch(/[\u0000-\u001f\ufffe\uffff<>"']|\p{Surrogate}/u)
        expect(unescape(escaped)).toBe(honestText(text))
      }),
    )
  })

  it('keeps what text means when it is honest', () => {
    const text = 'pg-direct · 3,200 events/s ≥ 50 ms — “größer” 😀'
    expect(honestText(text)).toBe(text)
    expect(honestText('user\u202egpj.exe')).toBe('user\ufffdgpj.exe')
  })

  it('puts JSON into a script that cannot end it, and reads it back', () => {
    fc.assert(
      fc.property(fc.jsonValue(), hostile, (value, text) => {
        const written = jsonForScript({ value, text })
        expect(written).not.toMatch(/[<>&\u2028\u2029]/)
        expect(JSON.parse(written)).toEqual(JSON.parse(JSON.stringify({ value, text })))
      }),
    )
  })

  it('makes one line of Markdown without live markup, link or mention', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const escaped = escapeMarkdown(text)
        expect(escaped).not.toMatch(/[\n\r<>@]/)
        expect(escaped).not.toMatch(/(^|[^\\])(\\\\)*[|*_`[\]]/)
        expect(escaped).not.toContain('://')
      }),
    )
  })

  it('escapes every value of the html tag that is not markup itself', () => {
    const inner = html`<b>${'<i>'}</b>`
    expect(html`<p title="${'"'}">${inner}${['<', null, false, 3]}</p>`.text).toBe(
      '<p title="&quot;"><b>&lt;i&gt;</b>&lt;3</p>',
    )
  })

  it('makes anchors of letters, digits and dashes only', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(anchor('trigger', text)).toMatch(/^trigger(-[a-z0-9]+)*$/)
      }),
    )
  })
})
