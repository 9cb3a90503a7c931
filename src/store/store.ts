/**
 * The state store: one writer, any number of readers. Commands are applied one by one, a batch of
 * them is published as one view, and those who wait for what has changed are woken.
 */

import type { Tree } from './sorted-tree.ts';
import { layout } from './tables.ts';
import { type Effects, StoreError, type TouchedKeys, Transaction } from './transaction.ts';
import { StoreView } from './view.ts';
import { WaiterMap, type Wake, type WatchSet } from './watch.ts';

/** What readers need of a store. */
export interface StoreSource {
  /** The latest published version. */
  view(): StoreView;
  /** Calls `wake` once when something in `watches` changes. Returns the way to give up. */
  watch(watches: WatchSet, wake: Wake): () => void;
}

/** The outcome of a command: an error is a value. */
export type Outcome<T> = T | StoreError;

export class Store implements StoreSource {
  #trees: Tree[] = layout.emptyTrees();
  #touched: TouchedKeys = [];
  #appliedIndex = 0;
  #view: StoreView = new StoreView(layout.emptyTrees(), 0);
  #effects: Effects = { lockDelays: [] };
  /** After a start over: less has been applied than readers see. */
  #hidden = false;
  readonly #waiters = new WaiterMap();

  view(): StoreView {
    return this.#view;
  }

  /** What has been applied, also when readers still see what was there before a start over. */
  applied(): StoreView {
    return this.#hidden ? this.#wholeView() : this.#view;
  }

  watch(watches: WatchSet, wake: Wake): () => void {
    return this.#waiters.add(watches, wake);
  }

  /** Readers that wait. */
  get waiting(): number {
    return this.#waiters.size;
  }

  /**
   * Applies one command. What `change` throws as `StoreError` undoes the command and is returned;
   * any other error undoes it too and is thrown on.
   */
  apply<T>(index: number, change: (tx: Transaction) => T): Outcome<T> {
    const tx = new Transaction(index, this.#trees, this.#touched);
    this.#appliedIndex = Math.max(this.#appliedIndex, index);
    try {
      const result = change(tx);
      this.#effects.lockDelays.push(...tx.effects.lockDelays);
      return result;
    } catch (error) {
      tx.rollBack();
      if (error instanceof StoreError) return error;
      throw error;
    }
  }

  /**
   * For writing what a snapshot holds into a store that nobody reads yet: nothing is kept to undo it
   * or to wake anybody, so that whoever fails half-way leaves a store of no use.
   */
  load(index: number): Transaction {
    // All of it is new to whoever sees the first view.
    this.#touched = this.#trees.map(() => new Set());
    return new Transaction(index, this.#trees, null);
  }

  /**
   * Makes what was applied visible, wakes whom it concerns, returns the consequences. The state is
   * then that of `throughIndex`, which may be above the last command.
   */
  publish(throughIndex = 0): Effects {
    this.#appliedIndex = Math.max(this.#appliedIndex, throughIndex);
    const touched = this.#touched;
    const effects = this.#effects;
    this.#touched = [];
    this.#effects = { lockDelays: [] };
    if (this.#hidden) {
      this.#showWhole();
      return effects;
    }
    const trees = this.#view.trees.map((tree, slot) =>
      touched[slot] === undefined ? tree : (this.#trees[slot] ?? tree).clone(),
    );
    this.#view = new StoreView(trees, this.#appliedIndex);
    this.#waiters.wake(touched);
    return effects;
  }

  /**
   * Takes the content of `restored`, which must not be used any more; blocked readers are woken,
   * as what they wait for may never come. `appliedIndex` is that of the snapshot.
   */
  replace(restored: Store, appliedIndex: number): void {
    this.#trees = restored.#trees;
    this.#touched = [];
    this.#effects = { lockDelays: [] };
    this.#appliedIndex = appliedIndex;
    this.#showWhole();
  }

  /**
   * Back to nothing: all is about to be applied again. Readers keep what they see until as much has
   * been applied, so that for nobody the state goes back.
   */
  startOver(): void {
    this.#trees = layout.emptyTrees();
    this.#touched = [];
    this.#effects = { lockDelays: [] };
    this.#appliedIndex = 0;
    this.#hidden = this.#view.appliedIndex > 0;
  }

  #showWhole(): void {
    if (this.#hidden && this.#appliedIndex < this.#view.appliedIndex) return;
    this.#hidden = false;
    this.#view = this.#wholeView();
    this.#waiters.wakeRestored();
  }

  #wholeView(): StoreView {
    return new StoreView(
      this.#trees.map((tree) => tree.clone()),
      this.#appliedIndex,
    );
  }
}
