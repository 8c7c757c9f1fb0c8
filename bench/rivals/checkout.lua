-- wrk: each request is a new checkout; threads and runs do not share ids.
local counter, prefix = 0, ""
function init(args) prefix = args[1] .. "-" .. tostring(math.random(1, 1e9)) .. tostring({}):sub(8) end
function request()
  counter = counter + 1
  return wrk.format("POST", "/payments",
    { ["Content-Type"] = "application/json", ["X-PAYMENT-CHECKOUT-ID"] = prefix .. "-" .. counter },
    '{"amount": 1999, "currency": "USD", "payment_method": "pm_card_visa"}')
end
