using KernOpt.Measure.Comparing;
using MathNet.Numerics.Distributions;
using MathNet.Numerics.Random;

namespace KernOpt.Tests.Measure;

/// <summary>
/// Windows as a busy machine gives them: the cost follows an autocorrelated walk (coefficient 0.8) plus heavy-tailed (Student, 3 degrees) noise,
/// and now and then a spike that hits a single window.
/// </summary>
internal sealed class Noise(int seed, double spread = 0.04)
{
    private readonly Xoshiro256StarStar random = new(seed, false);
    private readonly WindowSchedule schedule = new(seed ^ 0x5bd1e995);
    private double walk;

    public AbBlock NextBlock(double effect = 1, TimeSpan? length = null)
    {
        var (first, second) = schedule.NextBlock();
        return new(NextWindow(first, effect, length), NextWindow(second, effect, length));
    }

    private AbWindow NextWindow(Arm arm, double effect, TimeSpan? length)
    {
        walk = 0.8 * walk + Normal.Sample(random, 0, spread);
        var heavy = spread / 2 * StudentT.Sample(random, 0, 1, 3);
        var spike = random.NextDouble() < 0.02 ? 0.5 : 0;
        var cost = 1_000 * Math.Exp(walk + heavy + spike) * (arm == Arm.Version ? effect : 1);
        const long calls = 10_000;
        return new(arm, length ?? TimeSpan.FromMilliseconds(200), calls, (long)(cost * calls));
    }
}
