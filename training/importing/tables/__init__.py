"""Models of tables that scikit-learn, XGBoost or LightGBM made: converted in a process of its own, and published."""
