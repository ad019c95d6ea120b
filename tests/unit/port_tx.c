// SPDX-License-Identifier: MIT
// port_tx.c - sending against a fake keeper: order of steps, tags, frames that run out, ports that go.

#include "port_fake.h"

#include <pthread.h>
#include <stdio.h>

#include "port/tx.h"

static struct fake f;
static uint32_t probed;
static int probe_result;
static const struct port_wait at_once = { .fd = -1, .dontwait = true };

static int setup(void **state)
{
	fake_make(&f, 0);
	for (uint32_t i = 0; i < FAKE_TX; i++)
		fake_grant(&f, FAKE_SLOT * FAKE_TX + i);
	return 0;
}

static int teardown(void **state)
{
	fake_end(&f);
	return 0;
}

static int begin(struct port_tx *tx, size_t len)
{
	int err = port_tx_begin(FAKE_PORT_42, len, 0, &at_once, tx);

	if (!err)
		fake_frame(tx->data, 0, ETH_P_IP, 0x5a, (uint32_t)len - 14);
	return err;
}

static void send_one(size_t len)
{
	struct port_tx tx;

	assert_int_equal(begin(&tx, len), 0);
	assert_int_equal(port_tx_send(&tx, len), 0);
}

/* What the kernel finds in the TX ring next. */
static struct xdp_desc *sent(void)
{
	assert_int_not_equal(*f.tx.producer, *f.tx.consumer);
	return &f.tx.desc[(*f.tx.consumer)++ & 7];
}

/* What the keeper does with a completion. */
static void complete(const struct xdp_desc *desc)
{
	uint32_t frame = (uint32_t)(desc->addr / 2048);

	assert_int_equal(f.held[frame], OOB_HELD_SENT);
	f.held[frame] = OOB_HELD_NOT;
	fake_grant(&f, frame);
}

static void test_tagged(void **state)
{
	struct port_tx tx;
	struct xdp_desc *desc;
	const uint8_t *data;

	assert_int_equal(port_tx_begin(FAKE_PORT_42, 100, 3, &at_once, &tx), 0);
	assert_int_equal(f.held[tx.frame], OOB_HELD_TX);
	fake_frame(tx.data, 0, ETH_P_IP, 0x5a, 86);
	assert_int_equal(port_tx_send(&tx, 100), 0);
	desc = sent();
	data = f.dev->umem + desc->addr;
	assert_int_equal(desc->len, 104);
	assert_int_equal(desc->addr % 2048, OOB_FRAME_HEADROOM);
	assert_int_equal(desc->options, 0);
	assert_memory_equal(data, fake_mac, 6);
	assert_memory_equal(data + 6, fake_peer, 6);
	assert_memory_equal(data + 12, "\x81\x00\xa0\x2a\x08\x00\x5a", 7);	/* priority 3 is PCP 5 */
	assert_int_equal(data[103], 0x5a);
	assert_int_equal(fake_kicks(&f), 1);
	assert_int_equal(f.dev->table->stats[0].tx_packets, 1);
	assert_int_equal(f.dev->table->stats[0].tx_bytes, 100);
	assert_int_equal(f.dev->borrowed, 0);

	send_one(100);	/* of a priority that is not in the map */
	assert_memory_equal(f.dev->umem + sent()->addr + 12, "\x81\x00\x00\x2a", 4);
}

static void test_short_frames_are_padded_with_zeros(void **state)
{
	struct port_tx tx;
	struct xdp_desc *desc;

	assert_int_equal(port_tx_begin(FAKE_PORT_42, 20, 0, &at_once, &tx), 0);
	memset(tx.data, 0xee, 200);	/* what an earlier packet left there */
	fake_frame(tx.data, 0, ETH_P_IP, 0x5a, 6);
	assert_int_equal(port_tx_send(&tx, 20), 0);
	desc = sent();
	assert_int_equal(desc->len, 64);
	for (int i = 24; i < 64; i++)
		assert_int_equal(f.dev->umem[desc->addr + i], 0);
	assert_int_equal(f.dev->table->stats[0].tx_bytes, 20);
}

static void test_limits(void **state)
{
	struct oob_config *conf;
	struct port_tx tx;

	assert_int_equal(begin(&tx, 1515), -EMSGSIZE);
	send_one(1514);
	assert_int_equal(port_tx_begin(FAKE_PORT_42 + 100, 60, 0, &at_once, &tx), -ENXIO);
	assert_int_equal(port_tx_begin(FAKE_IFINDEX, 60, 0, &at_once, &tx), -ENXIO);

	conf = fake_board_begin(&f);
	conf->ports[0].mtu = 9000;	/* more than a frame holds */
	fake_board_end(&f);
	assert_int_equal(begin(&tx, 2048 - 256 - 4 + 1), -EMSGSIZE);
	send_one(2048 - 256 - 4);
}

static void test_kick_only_when_wanted(void **state)
{
	f.dev->copy_mode = false;
	send_one(60);
	assert_int_equal(fake_kicks(&f), 0);
	*f.tx.flags = XDP_RING_NEED_WAKEUP;
	send_one(60);
	assert_int_equal(fake_kicks(&f), 1);
}

static void test_kernel_refuses_the_kick(void **state)
{
	struct port_tx tx;

	close(f.kernel);	/* to send to nobody: ECONNREFUSED */
	assert_int_equal(begin(&tx, 60), 0);
	assert_int_equal(port_tx_send(&tx, 60), -ECONNREFUSED);
	assert_int_equal(f.dev->table->stats[0].tx_errors, 1);
	f.kernel = dup(0);
}

static void test_wrap(void **state)
{
	f.dev->table->grant.producer = f.dev->table->grant.consumer = (uint32_t)-3;
	for (uint32_t i = 0; i < FAKE_TX; i++)
		fake_grant(&f, FAKE_SLOT * FAKE_TX + i);
	for (int i = 0; i < 50; i++) {
		send_one(60);
		complete(sent());
	}
	assert_int_equal(fake_kicks(&f), 50);
}

static void test_grants_are_checked(void **state)
{
	struct port_tx tx;

	while (!begin(&tx, 60))
		assert_int_equal(port_tx_send(&tx, 60), 0);
	fake_grant(&f, 0);		/* another program's */
	fake_grant(&f, 100);		/* a receive frame */
	fake_grant(&f, FAKE_SLOT * FAKE_TX);	/* under way: never granted twice */
	assert_int_equal(begin(&tx, 60), -EAGAIN);
	assert_int_equal(f.dev->table->grant.consumer, f.dev->table->grant.producer);
	assert_int_equal(f.held[0], OOB_HELD_NOT);
}

/* ---- order of steps ---- */

static void probe_take(void)
{
	probe_result = f.dev->table->grant.consumer == 0 && f.held[FAKE_SLOT * FAKE_TX] == OOB_HELD_TX;
}

static void test_marks_before_taking(void **state)
{
	struct port_tx tx;

	probe_result = 0;
	watch_store(&f.dev->table->grant.consumer, probe_take);
	assert_int_equal(begin(&tx, 60), 0);
	watch_end();
	assert_true(probe_result);
	assert_int_equal(port_tx_send(&tx, 60), 0);
}

static void probe_submit(void)
{
	const struct xdp_desc *desc = &f.tx.desc[(uint32_t)FAKE_START & 7];

	probe_result = *f.tx.producer == (uint32_t)FAKE_START && f.held[probed] == OOB_HELD_SENT &&
		       desc->addr == probed * 2048ull + 256 && desc->len == 64;
}

static void test_marks_and_writes_before_submitting(void **state)
{
	struct port_tx tx;

	assert_int_equal(begin(&tx, 60), 0);
	probed = tx.frame;
	probe_result = 0;
	watch_store(f.tx.producer, probe_submit);
	assert_int_equal(port_tx_send(&tx, 60), 0);
	watch_end();
	assert_true(probe_result);
}

/* ---- frames that run out ---- */

static void test_out_of_frames(void **state)
{
	struct timespec past = { .tv_nsec = 1 };
	struct port_wait wait = { .fd = -1, .until = &past };
	struct port_tx tx;

	for (int i = 0; i < FAKE_TX; i++)
		send_one(60);
	assert_int_equal(begin(&tx, 60), -EAGAIN);
	assert_int_equal(f.dev->table->stats[0].tx_nomem, 1);
	assert_int_equal(f.dev->table->wants_frames, 0);
	assert_int_equal(port_tx_begin(FAKE_PORT_42, 60, 0, &wait, &tx), -ETIMEDOUT);
	assert_int_equal(f.dev->table->wants_frames, 1);
	assert_int_equal(f.dev->table->stats[0].tx_nomem, 2);
	assert_null(f.dev->senders);
}

static void *sender(void *arg)
{
	struct port_wait wait = { .fd = -1 };
	struct port_tx tx;
	int err = port_tx_begin(FAKE_PORT_42, 60, 0, &wait, &tx);

	if (!err) {
		fake_frame(tx.data, 0, ETH_P_IP, 1, 46);
		err = port_tx_send(&tx, 60);
	}
	return (void *)(intptr_t)err;
}

static void wait_for_senders(int n)
{
	for (int have = -1; have != n; usleep(1000)) {
		have = 0;
		pthread_mutex_lock(&f.dev->lock);
		for (struct port_waiter *w = f.dev->senders; w; w = w->next)
			have++;
		pthread_mutex_unlock(&f.dev->lock);
	}
}

/* Two wait; the keeper grants one frame at a time and rings once for each, if it is asked to. */
static void test_waiting_senders(void **state)
{
	pthread_t threads[2];
	void *ret;

	for (int i = 0; i < FAKE_TX; i++)
		send_one(60);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, sender, NULL), 0);
	wait_for_senders(2);
	for (int i = 0; i < 2; i++) {
		pthread_mutex_lock(&f.dev->lock);	/* the ring of this test has one reader */
		complete(sent());
		pthread_mutex_unlock(&f.dev->lock);
		while (!__atomic_exchange_n(&f.dev->table->wants_frames, 0, __ATOMIC_SEQ_CST))
			usleep(100);
		fake_ring_bell(&f);
		wait_for_senders(1 - i);
	}
	for (int i = 0; i < 2; i++) {
		pthread_join(threads[i], &ret);
		assert_int_equal((intptr_t)ret, 0);
	}
	assert_int_equal(f.dev->table->stats[0].tx_packets, FAKE_TX + 2);
}

static void test_disabled_while_waiting(void **state)
{
	pthread_t thread;
	void *ret;

	for (int i = 0; i < FAKE_TX; i++)
		send_one(60);
	assert_int_equal(pthread_create(&thread, NULL, sender, NULL), 0);
	wait_for_senders(1);
	fake_disable(&f, 0);
	fake_ring_bell(&f);
	pthread_join(thread, &ret);
	assert_int_equal((intptr_t)ret, -ENETDOWN);
}

static void test_disabled_while_filling(void **state)
{
	struct port_tx tx, again;

	assert_int_equal(begin(&tx, 60), 0);
	fake_disable(&f, 0);
	assert_int_equal(port_tx_send(&tx, 60), -ENETDOWN);
	assert_int_equal(*f.tx.producer, *f.tx.consumer);
	assert_int_equal(f.held[tx.frame], OOB_HELD_TX);
	assert_int_equal(f.dev->table->stats[0].tx_errors, 1);
	assert_int_equal(begin(&again, 60), -ENXIO);

	/* The frame is not lost: the next one to send, on another port, gets it. */
	assert_int_equal(port_tx_begin(FAKE_PORT_43, 60, 0, &at_once, &again), 0);
	assert_int_equal(again.frame, tx.frame);
	assert_int_equal(port_tx_send(&again, 60), 0);
	assert_memory_equal(f.dev->umem + sent()->addr + 12, "\x81\x00\x00\x2b", 4);
}

static void test_gone_while_filling(void **state)
{
	struct port_tx tx;

	assert_int_equal(begin(&tx, 60), 0);
	f.board->gone = 1;
	assert_int_equal(port_tx_send(&tx, 60), -ENETDOWN);
	assert_int_equal(f.dev->borrowed, 0);
	assert_int_equal(f.dev->queue[0].xsk, -1);
}

/* More frames than places in the TX ring: a frame that is being filled has its place reserved. */
static void test_full_ring(void **state)
{
	struct port_tx tx;

	*f.tx.consumer -= 7;	/* one place left */
	assert_int_equal(begin(&tx, 60), 0);
	assert_int_equal(port_tx_begin(FAKE_PORT_42, 60, 0, &at_once, &(struct port_tx){ 0 }), -EAGAIN);
	assert_int_equal(port_tx_send(&tx, 60), 0);
	assert_int_equal(*f.tx.producer - *f.tx.consumer, 8);
	assert_int_equal(begin(&tx, 60), -EAGAIN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_tagged),
		TEST(test_short_frames_are_padded_with_zeros),
		TEST(test_limits),
		TEST(test_kick_only_when_wanted),
		TEST(test_kernel_refuses_the_kick),
		TEST(test_wrap),
		TEST(test_grants_are_checked),
		TEST(test_marks_before_taking),
		TEST(test_marks_and_writes_before_submitting),
		TEST(test_out_of_frames),
		TEST(test_waiting_senders),
		TEST(test_disabled_while_waiting),
		TEST(test_disabled_while_filling),
		TEST(test_gone_while_filling),
		TEST(test_full_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
