using System.Runtime.InteropServices;
using KernOpt.Target;

namespace KernOpt.Tests.Code.Bodies;

/// <summary>What one call of a test function took in and gave out.</summary>
internal sealed record CallResult(long Value, byte[] Memory)
{
    public bool Equals(CallResult? other) => other is not null && Value == other.Value && Memory.AsSpan().SequenceEqual(other.Memory);
    public override int GetHashCode() => Value.GetHashCode();
}

internal sealed record CallInput(long A, long B, long C, byte[] Memory, double X, double Y)
{
    private static readonly long[] Corners = [0, 1, -1, 2, 3, 7, 8, 63, 64, 255, 256, int.MaxValue, int.MinValue, uint.MaxValue, 1L << 32, long.MinValue, long.MaxValue];

    public static CallInput Random(Random random)
    {
        var memory = new byte[256];
        random.NextBytes(memory);
        return new CallInput(Integer(random), Integer(random), Integer(random), memory, random.NextDouble() * 200 - 100, random.NextDouble() * 50);
    }

    public override string ToString() => $"a={A:x} b={B:x} c={C:x} x={X} y={Y}";

    private static long Integer(Random random) => random.Next(4) switch
    {
        0 => Corners[random.Next(Corners.Length)],
        1 => random.Next(-300, 300),
        _ => random.NextInt64(long.MinValue, long.MaxValue),
    };
}

internal static unsafe class Calls
{
    /// <summary>Calls a function of the shape of Programs/functions.c. Its memory argument gets a fresh copy between two guard areas.</summary>
    public static CallResult Make(Address function, CallInput input)
    {
        var memory = new byte[512];
        input.Memory.CopyTo(memory, 128);
        fixed (byte* start = memory)
        {
            var call = (delegate* unmanaged<long, long, long, byte*, double, double, long>)function.Value;
            var value = call(input.A, input.B, input.C, start + 128, input.X, input.Y);
            return new CallResult(value, memory);
        }
    }
}
