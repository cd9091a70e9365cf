"""Stripe's own Python client against the double: the calls that Stoa makes have the shapes that Stripe's library reads.
`client.py URL`, with a double running there."""
import http.server
import json
import sys
import threading
import time
import urllib.request

import stripe

url = sys.argv[1]
stripe.api_key, stripe.api_base, stripe.api_version = "sk_test_double", url, "2026-08-26.dahlia"
received = []


class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        received.append((self.rfile.read(int(self.headers["Content-Length"])), self.headers["Stripe-Signature"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def control(name, **body):
    request = urllib.request.Request(f"{url}/_double/{name}", json.dumps(body).encode(), method="POST")
    return json.load(urllib.request.urlopen(request))


hook = http.server.HTTPServer(("127.0.0.1", 0), Hook)
threading.Thread(target=hook.serve_forever, daemon=True).start()
control("webhooks", url=f"http://127.0.0.1:{hook.server_port}/", secret="whsec_x")

customer = stripe.Customer.create(email="a@example.com", metadata={"ours": "1"}, idempotency_key="c1")
assert stripe.Customer.create(email="a@example.com", metadata={"ours": "1"}, idempotency_key="c1").id == customer.id
try:
    stripe.Customer.create(email="b@example.com", idempotency_key="c1")
    raise AssertionError("another call with the same key")
except stripe.IdempotencyError:
    pass
product = stripe.Product.create(name="Pro", id="plan_1")
small, large = (stripe.Price.create(product=product.id, currency="eur", unit_amount=amount, lookup_key=f"p{amount}",
                                    recurring={"interval": "month"}) for amount in (1000, 3000))
session = stripe.checkout.Session.create(
    mode="subscription", customer=customer.id, line_items=[{"price": small.id, "quantity": 1}],
    success_url="http://shop/?s={CHECKOUT_SESSION_ID}", subscription_data={"metadata": {"checkout": "7"}})
assert session.status == "open" and session.url.startswith(url), session
control("pay", session=session.id)
session = stripe.checkout.Session.retrieve(session.id)
assert (session.status, session.payment_status) == ("complete", "paid"), session
[subscription] = stripe.Subscription.list(customer=customer.id).data
assert (subscription.id, subscription.metadata["checkout"]) == (session.subscription, "7")
item = subscription["items"].data[0]
preview = stripe.Invoice.create_preview(
    subscription=subscription.id,
    subscription_details={"items": [{"id": item.id, "price": large.id}], "proration_behavior": "always_invoice"})
assert [line.amount < 0 for line in preview.lines.data] == [True, False], preview
changed = stripe.Subscription.modify(
    subscription.id, items=[{"id": item.id, "price": large.id}], proration_behavior="always_invoice")
assert changed["items"].data[0].price.unit_amount == 3000
assert "/portal/" in stripe.billing_portal.Session.create(customer=customer.id, return_url="http://shop/").url
paid = [invoice for invoice in stripe.Invoice.list(subscription=subscription.id).data if invoice.status == "paid"]
assert paid[0].parent.subscription_details.subscription == subscription.id
payment = stripe.InvoicePayment.list(invoice=paid[0].id).data[0]
refund = stripe.Refund.create(payment_intent=payment.payment.payment_intent, amount=100)
assert (refund.amount, refund.status) == (100, "succeeded")
assert len(list(stripe.Event.list(limit=3).auto_paging_iter())) > 10
try:
    stripe.Customer.retrieve("cus_none")
    raise AssertionError("found")
except stripe.InvalidRequestError as error:
    assert (error.http_status, error.code) == (404, "resource_missing")
control("card", customer=customer.id, good=False)
control("advance", seconds=33 * 86400)
assert stripe.Subscription.retrieve(subscription.id).status == "past_due"
[unpaid] = stripe.Invoice.list(subscription=subscription.id, status="open").data
assert unpaid.amount_remaining == 3000 and unpaid.status_transitions.finalized_at
assert stripe.Subscription.cancel(subscription.id).status == "canceled"

deadline = time.time() + 10
while len(received) < 20 and time.time() < deadline:
    time.sleep(0.05)
events = [stripe.Webhook.construct_event(body, signature, "whsec_x") for body, signature in received]
assert "checkout.session.completed" in [event.type for event in events]
try:
    stripe.Webhook.construct_event(received[0][0], received[0][1], "whsec_other")
    raise AssertionError("accepted")
except stripe.SignatureVerificationError:
    pass
print(f"stripe-python {stripe.VERSION}: every call is read, {len(events)} events are signed")
