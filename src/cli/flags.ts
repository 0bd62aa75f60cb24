/** Values of flags. In: what yargs read. Out: a checked value, or an error that names the flag and says what fits. */

/** `--target a --target b` and `--target a,b` say the same. */
export function joinedList(value: string | readonly string[]): string {
  return typeof value === 'string' ? value : value.join(',')
}

/** For flags that may be repeated and whose values hold commas. */
export function listed(value: string | readonly string[]): readonly string[] {
  return typeof value === 'string' ? [value] : value
}

/** For flags that may be given once. */
export function once(flag: string): (value: unknown) => string | undefined {
  return (value) => {
    if (value === undefined) return undefined
    if (Array.isArray(value)) throw bad(flag, 'is given more than once', 'give it once')
    if (typeof value !== 'string' || value === '') {
      throw bad(flag, 'has no value', `write ${flag} <value>`)
    }
    return value
  }
}

export function positiveNumber(flag: string, unit: string): (value: unknown) => number | undefined {
  return (value) => {
    const text = once(flag)(value)
    if (text === undefined) return undefined
    const number = Number(text)
    if (Number.isFinite(number) && number > 0) return number
    throw bad(
      flag,
      `is ${JSON.stringify(text)}`,
      `give a number of ${unit} above 0, for example ${flag} 800`,
    )
  }
}

export function positiveInteger(flag: string, max: number): (value: unknown) => number | undefined {
  return (value) => {
    const text = once(flag)(value)
    if (text === undefined) return undefined
    const number = Number(text)
    if (Number.isInteger(number) && number > 0 && number <= max) return number
    throw bad(flag, `is ${JSON.stringify(text)}`, `give a whole number from 1 to ${String(max)}`)
  }
}

/** `1000,2000,4000` */
export function positiveNumbers(flag: string): (value: unknown) => readonly number[] | undefined {
  const one = positiveNumber(flag, 'events per second')
  return (value) => {
    const text = once(flag)(value)
    return text?.split(',').map((part) => one(part.trim()) ?? 0)
  }
}

/** `0.08` and `8%` are eight percent; a bare 8 would be 800 %, which is never meant. */
export function growthRatio(flag: string): (value: unknown) => number | undefined {
  return (value) => {
    const text = once(flag)(value)
    if (text === undefined) return undefined
    const percent = /^(-?[\d.]+)\s*%$/.exec(text)
    const ratio = percent === null ? Number(text) : Number(percent[1]) / 100
    if (!Number.isFinite(ratio) || ratio <= -1) {
      throw bad(
        flag,
        `is ${JSON.stringify(text)}`,
        `give growth per month, for example ${flag} 0.08 or ${flag} 8%`,
      )
    }
    if (percent === null && ratio > 1) {
      const near = `${flag} ${String(ratio / 100)} or ${flag} ${text}%`
      throw bad(flag, `${text} would be ${String(ratio * 100)} % a month`, `did you mean ${near}?`)
    }
    return ratio
  }
}

/** yargs passes on only the message of what a check throws: what is wrong, and on the next line what to do. */
function bad(flag: string, message: string, remedy: string): Error {
  return new Error(`${flag} ${message}\n${remedy}`)
}
