{{ side_influence('format') }}
