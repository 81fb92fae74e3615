{{ side_influence('topic') }}
