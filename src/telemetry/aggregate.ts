/** What a series of values comes to: count, sum, extremes, mean and deviation. */
export class Aggregate {
  count = 0;
  sum = 0;
  min = 0;
  max = 0;
  #squares = 0;

  add(value: number): void {
    this.min = this.count === 0 ? value : Math.min(this.min, value);
    this.max = this.count === 0 ? value : Math.max(this.max, value);
    this.count += 1;
    this.sum += value;
    this.#squares += value * value;
  }

  get mean(): number {
    return this.count === 0 ? 0 : this.sum / this.count;
  }

  /** Of a sample; 0 with fewer than two values. */
  get deviation(): number {
    if (this.count < 2) return 0;
    const spread = this.#squares - (this.sum * this.sum) / this.count;
    return Math.sqrt(Math.max(spread, 0) / (this.count - 1));
  }
}
