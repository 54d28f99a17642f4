"""Made-up reference data and results for tests, the demo and benches. The service never imports them."""
