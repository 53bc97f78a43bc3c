#!/bin/sh
# Makes clip.ts, the four seconds that the demo's origin plays for ever. Needs ffmpeg; run it only to change the picture.
#
# It loops without a seam: the hand goes round once in four seconds, the tone is whole periods, every second begins with a
# key frame (closed groups, no B-frames), and at 32 kHz four seconds are exactly 125 AAC frames and 100 pictures.
# The encoder puts one priming frame in front of the sound; origin.go leaves it out.
set -eu
cd "$(dirname "$0")"
ffmpeg -hide_banner -loglevel error -y \
	-f lavfi -i "smptehdbars=size=320x180:rate=25:duration=4" \
	-f lavfi -i "color=black:size=128x128:rate=25:duration=4,format=yuva420p,geq=lum='if(lt(hypot(X-64,Y-64),56),40+190*pow(1-mod(atan2(X-64,64-Y)-PI*T/2+4*PI,2*PI)/(2*PI),2),235)':cb=128:cr=128:a='255*clip(63.5-hypot(X-63.5,Y-63.5),0,1)'" \
	-f lavfi -i "sine=frequency=220:beep_factor=4:sample_rate=32000:duration=4,volume=0.5" \
	-filter_complex "[0:v]eq=saturation=0.8:brightness=-0.04[card];[card][1:v]overlay=96:26,format=yuv420p[v]" -map "[v]" -map 2:a \
	-c:v libx264 -profile:v baseline -preset veryslow -threads 1 -b:v 130k -maxrate 200k -bufsize 200k -g 25 -keyint_min 25 -sc_threshold 0 \
	-bsf:v filter_units=remove_types=6 -c:a aac -ac 1 -b:a 32k \
	-map_metadata -1 -fflags +bitexact -flags:v +bitexact -flags:a +bitexact -f mpegts clip.ts
