namespace KernOpt.Live.Points.Rungs;

/// <summary>One way to lead control to a point's code by one store.</summary>
internal interface IRung
{
    /// <summary>Null where it does not fit. The placement serves this point alone.</summary>
    Placement? Place(PlacementContext context, Point point);
}
