/*
 * timer.c - where an entry sits, and how time moves over it.
 *
 * The current tick and the tick of a deadline are compared as numbers in base 64. The highest digit
 * in which they differ names the level, that digit of the deadline the slot:
 *
 *      tick      0 0 0 2 7         level 0: same in all but the last digit, due within 64 ticks
 *      deadline  0 0 0 5 1         level 1, slot 5: due when the tick reaches 0 0 0 5 0
 *
 * So all of level 0 is due before all of level 1, and in one level a lower slot is due before a
 * higher one: nothing wraps around. Advancing takes the slots whose start has been reached, fires
 * what is due in them and inserts the rest again, which then lands at a lower level. That is at
 * most TIMER_LEVELS moves in the life of an entry, and most timeouts are disarmed before the first.
 *
 * The slot of the current tick is the only one in which deadlines are compared one by one, so that
 * nothing fires early within its tick and the wait can be told the exact time.
 *
 * Rejected: a heap. Nearly all entries are timeouts that never fire, and a heap pays log n for each
 * of them, twice.
 */
#include "timer.h"

#include <assert.h>
#include <limits.h>

#define TICK_BITS 20
#define DIGIT_BITS 6
#define FEW 8u
#define RANGE_BITS (TIMER_LEVELS * DIGIT_BITS)

static_assert(TIMER_SLOTS == 1 << DIGIT_BITS, "a slot is one digit");

static uint64_t tick_of(uint64_t ns)
{
    return ns >> TICK_BITS;
}

static unsigned level_shift(unsigned level)
{
    return level * DIGIT_BITS;
}

/* The tick at which this slot starts, given that the current tick is in the same block. */
static uint64_t slot_start(const struct timers *timers, unsigned level, unsigned slot)
{
    uint64_t block = timers->tick >> level_shift(level + 1) << level_shift(level + 1);

    return block + ((uint64_t)slot << level_shift(level));
}

static void timers_insert(struct timers *timers, struct timer *timer)
{
    uint64_t due = tick_of(timer->deadline_ns);
    unsigned level = 0;
    unsigned slot;

    if (due < timers->tick)
        due = timers->tick;
    /* Beyond the range: wait at its end, and be inserted again from there. */
    if ((due ^ timers->tick) >> RANGE_BITS)
        due = timers->tick | ((UINT64_C(1) << RANGE_BITS) - 1);

    if (due != timers->tick)
        level = (63 - (unsigned)__builtin_clzll(due ^ timers->tick)) / DIGIT_BITS;
    slot = (due >> level_shift(level)) % TIMER_SLOTS;

    list_link_back(&timers->slots[level][slot], &timer->link);
    timers->occupied[level] |= UINT64_C(1) << slot;
}

void timers_init(struct timers *timers, uint64_t now_ns)
{
    for (unsigned level = 0; level < TIMER_LEVELS; level++) {
        for (unsigned slot = 0; slot < TIMER_SLOTS; slot++)
            list_init(&timers->slots[level][slot]);
        timers->occupied[level] = 0;
    }
    timers->tick = tick_of(now_ns);
    list_init(&timers->firing);
    timers->count = 0;
}

void timer_init(struct timer *timer, void (*fire)(struct timer *timer, uint64_t now_ns))
{
    *timer = (struct timer){ .fire = fire };
    list_init(&timer->link);
}

bool timer_is_armed(const struct timer *timer)
{
    return list_is_linked(&timer->link);
}

void timers_arm(struct timers *timers, struct timer *timer, uint64_t deadline_ns)
{
    assert(timer->fire);
    timers_disarm(timers, timer);
    timer->deadline_ns = deadline_ns;
    timers_insert(timers, timer);
    timers->count++;
}

void timers_disarm(struct timers *timers, struct timer *timer)
{
    struct list *neighbour = timer->link.next;
    struct list *first = &timers->slots[0][0];

    if (!timer_is_armed(timer))
        return;
    list_unlink(&timer->link);
    assert(timers->count > 0);
    timers->count--;

    /* An empty list is its head alone; the head of a slot tells its place. */
    if (!list_is_linked(neighbour) && neighbour != &timers->firing) {
        unsigned index = (unsigned)(neighbour - first);

        assert(index < TIMER_LEVELS * TIMER_SLOTS);
        timers->occupied[index / TIMER_SLOTS] &= ~(UINT64_C(1) << index % TIMER_SLOTS);
    }
}

/* The slots of a level that start at or before now_tick, as bits. */
static uint64_t slots_reached(const struct timers *timers, unsigned level, uint64_t now_tick)
{
    uint64_t slots = (now_tick - slot_start(timers, level, 0)) >> level_shift(level);

    return slots >= TIMER_SLOTS - 1 ? UINT64_MAX : (UINT64_C(2) << slots) - 1;
}

/* Moves all entries of the slots that now_tick has reached to a list, earliest slot first. */
static void timers_collect(struct timers *timers, uint64_t now_tick, struct list *ret_entries)
{
    for (unsigned level = 0; level < TIMER_LEVELS; level++) {
        uint64_t reached = timers->occupied[level] & slots_reached(timers, level, now_tick);

        timers->occupied[level] &= ~reached;
        for (; reached; reached &= reached - 1) {
            struct list *slot = &timers->slots[level][__builtin_ctzll(reached)];
            struct list *link;

            while ((link = list_pop(slot)))
                list_link_back(ret_entries, link);
        }
    }
}

void timers_advance(struct timers *timers, uint64_t now_ns)
{
    uint64_t now_tick = tick_of(now_ns);
    struct list reached;
    struct list *link;

    assert(list_is_empty(&timers->firing)); /* not from within a callback */
    if (timers->count == 0 || now_tick < timers->tick) {
        if (now_tick > timers->tick)
            timers->tick = now_tick;
        return;
    }

    list_init(&reached);
    timers_collect(timers, now_tick, &reached);
    timers->tick = now_tick;
    while ((link = list_pop(&reached))) {
        struct timer *timer = container_of(link, struct timer, link);

        if (timer->deadline_ns <= now_ns)
            list_link_back(&timers->firing, link);
        else
            timers_insert(timers, timer);
    }

    while ((link = list_pop(&timers->firing))) {
        struct timer *timer = container_of(link, struct timer, link);

        timers->count--;
        timer->fire(timer, now_ns);
    }
}

/* The exact deadline, or fallback_ns when there are more entries than may be looked at. */
static uint64_t earliest_in(const struct list *slot, unsigned entries_max, uint64_t fallback_ns)
{
    uint64_t earliest_ns = UINT64_MAX;

    for (const struct list *link = slot->next; link != slot; link = link->next) {
        const struct timer *timer = container_of(link, struct timer, link);

        if (entries_max-- == 0)
            return fallback_ns;
        if (timer->deadline_ns < earliest_ns)
            earliest_ns = timer->deadline_ns;
    }
    return earliest_ns;
}

uint64_t timers_next_ns(const struct timers *timers)
{
    for (unsigned level = 0; level < TIMER_LEVELS; level++) {
        unsigned slot;
        uint64_t start;

        if (timers->occupied[level] == 0)
            continue;
        slot = (unsigned)__builtin_ctzll(timers->occupied[level]);
        start = slot_start(timers, level, slot);
        if (start == timers->tick)
            return earliest_in(&timers->slots[level][slot], UINT_MAX, 0);
        /* Few: they are looked at, so that an idle daemon does not wake to move them. */
        return earliest_in(&timers->slots[level][slot], FEW, start << TICK_BITS);
    }
    return UINT64_MAX;
}

void timers_check(const struct timers *timers)
{
    unsigned count = 0;

    for (unsigned level = 0; level < TIMER_LEVELS; level++) {
        for (unsigned slot = 0; slot < TIMER_SLOTS; slot++) {
            const struct list *head = &timers->slots[level][slot];
            bool occupied = timers->occupied[level] >> slot & 1;

            assert(occupied == !list_is_empty(head));
            if (!occupied)
                continue;
            assert(slot_start(timers, level, slot) >= timers->tick);
            for (const struct list *link = head->next; link != head; link = link->next) {
                const struct timer *timer = container_of(link, struct timer, link);

                assert(link->next->prev == link);
                assert(tick_of(timer->deadline_ns) >= slot_start(timers, level, slot) ||
                       (level == 0 && slot == timers->tick % TIMER_SLOTS));
                count++;
            }
        }
    }
    for (const struct list *link = timers->firing.next; link != &timers->firing; link = link->next)
        count++;
    assert(count == timers->count);
}
